//! `tollgate version`.

use super::{Failure, Outcome, output};

#[expect(clippy::unnecessary_wraps, reason = "every command has this shape")]
pub(crate) fn run() -> Result<Outcome, Failure> {
    output::result_line(format_args!("tollgate {}", env!("CARGO_PKG_VERSION")));
    output::result_line(format_args!("commit   {}", option_env!("TOLLGATE_COMMIT").unwrap_or("unknown")));
    output::result_line(format_args!("target   {}-{}", std::env::consts::ARCH, std::env::consts::OS));
    output::result_line(format_args!("build    {}", if cfg!(debug_assertions) { "debug" } else { "release" }));
    Ok(Outcome::Yes)
}
