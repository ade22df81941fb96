//! `passwords`, of the whole config and of each consumer: whose user names there are, and what verifies their passwords.

use std::collections::HashMap;
use std::sync::Arc;

use engine::identity::Consumer;
use engine::live::Live;
use engine::names::{ByConfig, Name};
use engine::policy::basic::{PasswordHash, PasswordRules, User, Users};
use limits::bucket::Rate;

use super::desk::Desk;
use crate::diagnostic::{Code, Diagnostic, quoted};
use crate::raw::{self, RawConfig};

pub(super) fn compile(
    raw: &RawConfig,
    consumers: &ByConfig<Name, Arc<Consumer>>,
    live: &Live,
    desk: &mut Desk<'_>,
) -> Option<Users> {
    let mut users: Vec<User> = Vec::new();
    let mut seen: HashMap<&str, String> = HashMap::new();
    for (index, consumer) in raw.consumers.iter().enumerate() {
        let Some(known) = consumers.get(consumer.id.as_str()) else { continue };
        for (at, user) in consumer.passwords.iter().enumerate() {
            let pointer = format!("/consumers/{index}/passwords/{at}");
            if let Some(earlier) = seen.get(&*user.user) {
                let (place, other) = (desk.place(&format!("{pointer}/user")), desk.place(earlier));
                let message = format!("user {} is given twice", quoted(&user.user));
                let help = "a user belongs to one consumer: rename or remove one";
                desk.push(
                    Diagnostic::error(Code::DuplicateName, place, message)
                        .help(help)
                        .note(other, "the first one is here"),
                );
                continue;
            }
            seen.insert(&user.user, format!("{pointer}/user"));
            users.extend(one(user, known, &pointer, desk));
        }
    }
    Some(Users::new(users, rules(&raw.passwords, desk)?, live))
}

fn one(raw: &raw::User, consumer: &Arc<Consumer>, pointer: &str, desk: &mut Desk<'_>) -> Option<User> {
    if raw.user.contains(':') || raw.user.chars().any(char::is_control) {
        let message = format!("user name {} holds a colon or a control character", quoted(&raw.user));
        let help = "choose a name without: a client sends `USER:PASSWORD`, and the first colon ends the name";
        desk.error(Code::MalformedValue, &format!("{pointer}/user"), message, help);
        return None;
    }
    let at = format!("{pointer}/argon2id");
    match PasswordHash::parse(&raw.argon2id) {
        Ok(hash) => {
            if hash.is_weak() {
                let help = "make it anew with `tollgate password hash`";
                let message =
                    format!("the password of user {} is hashed so cheaply that it is soon guessed", quoted(&raw.user));
                desk.warn(Code::Unsafe, &at, message, help);
            }
            Some(User { name: raw.user.as_str().into(), hash, consumer: Arc::clone(consumer) })
        }
        Err(fault) => {
            desk.error(Code::KeyMaterial, &at, fault.to_string(), fault.help());
            None
        }
    }
}

fn rules(raw: &raw::Passwords, desk: &mut Desk<'_>) -> Option<PasswordRules> {
    let burst = u64::from(raw.failures_per_minute);
    let milli = burst.saturating_mul(1_000).div_ceil(60);
    let Some(failures) = Rate::new(milli, burst) else {
        let at = "/passwords/failuresPerMinute";
        desk.error(Code::OutOfRange, at, "the rate is out of range", "write a number from 1 to 100000");
        return None;
    };
    Some(PasswordRules { remember: raw.remember_for.as_std(), failures, hide: raw.hide_from_upstream })
}
