//! Users, what is remembered of them, and what wrong passwords cost.

use super::{Checked, PasswordAnswer, PasswordHash, PasswordQuestion, PasswordRules, User, Users};
use crate::counted::Caller;
use crate::identity::{Consumer, Identity};
use crate::live::Live;
use crate::names::{Name, PolicyId, RouteId};
use crate::reason::Reason;
use crate::request::{RequestHead, RequestParts, RequestRules};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, header};
use limits::bucket::Rate;
use limits::clock::Now;
use std::sync::Arc;
use std::time::Duration;

const START: Now = Now::at_unix_seconds(1_000);
const MINUTE: Duration = Duration::from_secs(60);
/// Of `password`; cheap, as a test has to be.
const CHEAP: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
/// Of something else, at twice the cost.
const DEARER: &str = "$argon2id$v=19$m=512,t=2,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn users(live: &Live, hash: &str) -> Users {
    let consumer = Arc::new(Consumer::new("acme".into(), None, false, PolicyId(0)));
    let user = |name: &str, hash: &str| User {
        name: name.into(),
        hash: PasswordHash::parse(hash).unwrap(),
        consumer: Arc::clone(&consumer),
    };
    // Two failures at once, then one a minute.
    let rules = PasswordRules { remember: MINUTE, failures: Rate::new(17, 2).unwrap(), hide: true };
    Users::new(vec![user("alice", hash), user("carol", DEARER)], rules, live)
}

fn headers(credentials: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static("a.example"));
    let value = format!("Basic {}", STANDARD.encode(credentials));
    headers.insert(header::AUTHORIZATION, value.parse().unwrap());
    headers
}

/// Who it is, or what is refused, with the question if one was asked.
struct Desk {
    live: Live,
    users: Users,
}

impl Desk {
    fn new() -> Self {
        let live = Live::new();
        Self { users: users(&live, CHEAP), live }
    }

    fn check(&self, credentials: &str, address: u8, now: Now) -> Result<Checked, Reason> {
        let headers = headers(credentials);
        let parts = RequestParts {
            method: &Method::GET,
            target: "/",
            headers: &headers,
            peer: [127, 0, 0, address].into(),
            tls: false,
        };
        let rules = RequestRules { trusted_proxies: Vec::new(), uri_bytes_max: 100 };
        let head = RequestHead::parse(parts, &rules).unwrap();
        let route_name: Name = "route".into();
        let identity = Identity::default();
        let caller = Caller { head: &head, identity: &identity, route: RouteId(0), route_name: &route_name };
        self.users.check(caller, &self.live, now).map_err(|denial| denial.reason)
    }

    #[track_caller]
    fn asked(&self, credentials: &str, address: u8, now: Now) -> PasswordQuestion {
        match self.check(credentials, address, now) {
            Ok(Checked::Ask(question)) => question,
            other => panic!("{credentials}: {other:?}"),
        }
    }

    fn judge(&self, question: PasswordQuestion, answer: PasswordAnswer, now: Now) -> Result<String, Reason> {
        if question.stake(&self.live, now).is_ok() && answer != PasswordAnswer::Mismatch {
            question.win_back(&self.live, now);
        }
        let judged = self.users.judge(question, answer, now);
        judged.map(|consumer| consumer.id.to_string()).map_err(|denial| denial.reason)
    }
}

fn verified(question: &PasswordQuestion) -> PasswordAnswer {
    if question.hash.verifies(question.password.bytes()) { PasswordAnswer::Match } else { PasswordAnswer::Mismatch }
}

#[test]
fn a_password_is_verified_once_and_then_remembered() {
    let desk = Desk::new();
    let question = desk.asked("alice:password", 1, START);
    let answer = verified(&question);
    assert_eq!(desk.judge(question, answer, START), Ok("acme".to_owned()));
    // From another address, too: it is the password that was verified.
    assert!(matches!(desk.check("alice:password", 2, START), Ok(Checked::Known(_))));
    desk.asked("alice:Password", 2, START);
    desk.asked("carol:password", 2, START);
    desk.asked("alice:password", 2, START.plus(MINUTE));
}

#[test]
fn another_hash_of_the_same_user_asks_anew() {
    let mut desk = Desk::new();
    let question = desk.asked("alice:password", 1, START);
    desk.judge(question, PasswordAnswer::Match, START).unwrap();
    desk.users = users(&desk.live, CHEAP);
    assert!(matches!(desk.check("alice:password", 1, START), Ok(Checked::Known(_))), "a reload with the same hash");
    desk.users = users(&desk.live, DEARER);
    desk.asked("alice:password", 1, START);
}

#[test]
fn a_user_that_does_not_exist_costs_as_much_as_the_costliest() {
    let desk = Desk::new();
    let nobody = desk.asked("bob:password", 1, START);
    assert_eq!(nobody.hash.work(), PasswordHash::parse(DEARER).unwrap().work());
    assert_eq!(verified(&nobody), PasswordAnswer::Mismatch);
    // Whatever the answer: nobody is let in whom nobody knows.
    assert_eq!(desk.judge(nobody.clone(), PasswordAnswer::Match, START), Err(Reason::UserUnknown));
    assert_eq!(desk.judge(nobody, PasswordAnswer::Mismatch, START), Err(Reason::UserUnknown));
    let alice = desk.asked("alice:wrong", 2, START);
    assert_eq!(desk.judge(alice, PasswordAnswer::Mismatch, START), Err(Reason::PasswordMismatch));
}

#[test]
fn wrong_passwords_are_counted_by_address_and_good_ones_are_not() {
    let desk = Desk::new();
    for _ in 0..100 {
        let question = desk.asked("alice:password", 1, START);
        assert_eq!(desk.judge(question, PasswordAnswer::Busy, START), Err(Reason::BasicBusy));
    }
    let remembered = desk.asked("alice:password", 9, START);
    desk.judge(remembered, PasswordAnswer::Match, START).unwrap();
    for user in ["alice", "bob"] {
        let question = desk.asked(&format!("{user}:wrong"), 1, START);
        desk.judge(question, PasswordAnswer::Mismatch, START).unwrap_err();
    }
    assert_eq!(desk.check("alice:third", 1, START).unwrap_err(), Reason::PasswordFailuresExceeded);
    assert!(matches!(desk.check("alice:password", 1, START), Ok(Checked::Known(_))), "what is verified still opens");
    desk.asked("alice:third", 2, START);
    desk.asked("alice:third", 1, START.plus(MINUTE));
}

/// Guesses that are made before the first of them has turned out wrong.
#[test]
fn guesses_at_once_are_as_many_failures() {
    let desk = Desk::new();
    let guesses = ["1", "2", "3"].map(|guess| desk.asked(&format!("alice:{guess}"), 1, START));
    let staked = guesses.each_ref().map(|guess| guess.stake(&desk.live, START).is_ok());
    assert_eq!(staked, [true, true, false]);
    let exceeded = PasswordAnswer::Exceeded { retry_after: MINUTE };
    let [first, _, third] = guesses;
    let refused = desk.users.judge(third.clone(), exceeded, START).unwrap_err();
    assert_eq!((refused.reason, refused.retry_after), (Reason::PasswordFailuresExceeded, Some(MINUTE)));
    first.win_back(&desk.live, START);
    assert!(third.stake(&desk.live, START).is_ok(), "one was right");
}

#[test]
fn what_is_hidden_from_upstream() {
    let desk = Desk::new();
    let check = |credentials: &str, expected: bool| {
        assert_eq!(desk.users.hides(&headers(credentials)), expected, "{credentials}");
    };
    check("alice:password", true);
    check("alice:anything", true);
    check("bob:password", false);
    let mut bearer = headers("");
    bearer.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer YWxpY2U6cGFzc3dvcmQ="));
    assert!(!desk.users.hides(&bearer));
    let mut several = headers("bob:x");
    several.append(header::AUTHORIZATION, headers("alice:x").remove(header::AUTHORIZATION).unwrap());
    assert!(desk.users.hides(&several));
}
