//! `tollgate password hash`: a password as the config may have it. The password itself is shown nowhere.

use super::{Failure, Outcome, output};
use engine::policy::basic::PasswordHash;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use std::io::{BufRead as _, IsTerminal as _, Read as _, StdinLock};

/// What a client can send at most.
const PASSWORD_BYTES_MAX: usize = 512;

pub(crate) fn hash(user: Option<&str>) -> Result<Outcome, Failure> {
    let password = password()?;
    let mut salt = [0_u8; 16];
    let source = "/dev/urandom";
    std::fs::File::open(source)
        .and_then(|mut file| file.read_exact(&mut salt))
        .map_err(|error| Failure::Read { path: source.into(), source: error })?;
    let hash = PasswordHash::made_from(password.as_bytes(), salt);
    let hash = hash.ok_or_else(|| Failure::Usage("there is no memory to hash a password with".into()))?;
    output::result_line(&hash);
    let user = user.unwrap_or("USER");
    output::note("\nFor the config:\n");
    output::note(format_args!(
        "consumers:\n  - id: CONSUMER\n    passwords: [{{ user: {user}, argon2id: \"{hash}\" }}]"
    ));
    Ok(Outcome::Yes)
}

fn password() -> Result<String, Failure> {
    let mut stdin = std::io::stdin().lock();
    let password = if stdin.is_terminal() {
        output::note("Password: ");
        let first = unseen(&mut stdin)?;
        output::note("Once more: ");
        if unseen(&mut stdin)? != first {
            return Err(Failure::Usage("the two passwords differ".into()));
        }
        first
    } else {
        line(&mut stdin)?
    };
    if password.is_empty() {
        return Err(Failure::Usage("the password is empty".into()));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(Failure::Usage(format!("the password is longer than {PASSWORD_BYTES_MAX} bytes")));
    }
    if password.chars().any(char::is_control) {
        return Err(Failure::Usage(
            "the password holds a control character, which no client can send (RFC 7617)".into(),
        ));
    }
    Ok(password)
}

/// The first line, without its end.
fn line(stdin: &mut StdinLock<'_>) -> Result<String, Failure> {
    let failed = |source| Failure::Read { path: "the standard input".into(), source };
    let mut text = String::new();
    let most = u64::try_from(PASSWORD_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(3);
    stdin.by_ref().take(most).read_line(&mut text).map_err(failed)?;
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    Ok(text)
}

/// A line that the terminal does not show.
fn unseen(stdin: &mut StdinLock<'_>) -> Result<String, Failure> {
    let hidden = Hidden::begin();
    let line = line(stdin);
    drop(hidden);
    line
}

/// While it lives the terminal shows nothing but the ends of lines.
struct Hidden(Option<Termios>);

impl Hidden {
    /// A terminal that cannot do so shows what is typed.
    fn begin() -> Self {
        let before = tcgetattr(std::io::stdin()).ok();
        if let Some(mut silent) = before.clone() {
            silent.local_flags.remove(LocalFlags::ECHO);
            silent.local_flags.insert(LocalFlags::ECHONL);
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSAFLUSH, &silent);
        }
        Self(before)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, before);
        }
    }
}
