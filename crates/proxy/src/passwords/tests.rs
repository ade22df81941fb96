//! Who is verified, who waits, and who is refused.

use super::{Passwords, TURN_TIMEOUT, WAITING_PER_ADDRESS_MAX};
use engine::live::Live;
use engine::policy::basic::{Password, PasswordAnswer, PasswordHash, PasswordQuestion};
use engine::remembered::Fingerprints;
use limits::bucket::Rate;
use limits::keyed::{Key, Keyer};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Of `password`.
const HASH: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

/// Of one address, at once.
const FAILURES: u64 = 20;

struct Asker {
    fingerprints: Fingerprints,
    hash: Arc<PasswordHash>,
    live: Live,
}

impl Asker {
    fn new() -> Self {
        let hash = Arc::new(PasswordHash::parse(HASH).unwrap());
        Self { fingerprints: Fingerprints::new(&Keyer::new()), hash, live: Live::new() }
    }

    fn question(&self, password: &str, address: u128) -> PasswordQuestion {
        let fingerprint = self.fingerprints.of([password.as_bytes()]);
        let (hash, password) = (Arc::clone(&self.hash), Password::new(password));
        PasswordQuestion::new(hash, password, fingerprint, Key::from_u128(address), Rate::new(1, FAILURES).unwrap())
    }
}

fn is_waiting(future: Pin<&mut impl Future>) -> bool {
    matches!(future.poll(&mut Context::from_waker(Waker::noop())), Poll::Pending)
}

#[tokio::test]
async fn only_the_password_matches() {
    let (passwords, asker) = (Passwords::of_turns(1, TURN_TIMEOUT), Asker::new());
    assert_eq!(passwords.verify(&asker.question("password", 1), &asker.live).await, PasswordAnswer::Match);
    assert_eq!(passwords.verify(&asker.question("Password", 1), &asker.live).await, PasswordAnswer::Mismatch);
    assert_eq!((passwords.waiting.all(), passwords.under_way.lock().unwrap().len()), (0, 0));
}

#[tokio::test]
async fn an_address_takes_no_more_than_its_places_and_leaves_those_of_others() {
    let (passwords, asker) = (Passwords::of_turns(0, TURN_TIMEOUT), Asker::new());
    let questions: Vec<_> =
        (0..=WAITING_PER_ADDRESS_MAX).map(|number| asker.question(&number.to_string(), 1)).collect();
    let mut waiting: Vec<_> =
        questions.iter().map(|question| Box::pin(passwords.verify(question, &asker.live))).collect();
    let mut last = waiting.pop().unwrap();
    assert!(waiting.iter_mut().all(|future| is_waiting(future.as_mut())));
    let context = &mut Context::from_waker(Waker::noop());
    assert_eq!(last.as_mut().poll(context), Poll::Ready(PasswordAnswer::Busy));
    let other = asker.question("other", 2);
    assert!(is_waiting(Box::pin(passwords.verify(&other, &asker.live)).as_mut()));
    drop(waiting);
    drop(last);
    assert_eq!((passwords.waiting.all(), passwords.under_way.lock().unwrap().len()), (0, 0), "who leaves makes room");
}

#[tokio::test]
async fn a_turn_that_does_not_come_is_not_waited_for_forever() {
    let (passwords, asker) = (Passwords::of_turns(0, Duration::from_millis(1)), Asker::new());
    assert_eq!(passwords.verify(&asker.question("password", 1), &asker.live).await, PasswordAnswer::Busy);
}

#[tokio::test]
async fn the_same_credentials_take_one_place_and_are_verified_once() {
    let (passwords, asker) = (Passwords::of_turns(0, TURN_TIMEOUT), Asker::new());
    let question = asker.question("password", 1);
    let mut all: Vec<_> = (0..100).map(|_| Box::pin(passwords.verify(&question, &asker.live))).collect();
    assert!(all.iter_mut().all(|future| is_waiting(future.as_mut())));
    assert_eq!((passwords.waiting.all(), passwords.under_way.lock().unwrap().len()), (1, 1));
    // The first one's client leaves; the next takes its place.
    drop(all.remove(0));
    passwords.turns.add_permits(1);
    for future in all {
        assert_eq!(future.await, PasswordAnswer::Match);
    }
    assert_eq!((passwords.waiting.all(), passwords.under_way.lock().unwrap().len()), (0, 0));
}

/// However many guesses are made at once, no more of them are verified than may fail.
#[tokio::test]
async fn guesses_under_way_count_as_failures_until_they_are_right() {
    let (passwords, asker) = (Passwords::of_turns(1, TURN_TIMEOUT), Asker::new());
    for number in 0..FAILURES - 1 {
        let wrong = asker.question(&number.to_string(), 1);
        assert_eq!(passwords.verify(&wrong, &asker.live).await, PasswordAnswer::Mismatch);
    }
    let held = Arc::clone(&passwords.turns).acquire_owned().await.unwrap();
    let (right, other) = (asker.question("password", 1), asker.question("other", 1));
    let mut first = Box::pin(passwords.verify(&right, &asker.live));
    assert!(is_waiting(first.as_mut()));
    // The same credentials wait for the first; other ones could be one failure too many.
    assert!(is_waiting(Box::pin(passwords.verify(&right, &asker.live)).as_mut()));
    let exceeded = passwords.verify(&other, &asker.live).await;
    assert!(matches!(exceeded, PasswordAnswer::Exceeded { .. }), "{exceeded:?}");
    drop(held);
    assert_eq!(first.await, PasswordAnswer::Match);
    assert_eq!(passwords.verify(&other, &asker.live).await, PasswordAnswer::Mismatch);
    let exceeded = passwords.verify(&right, &asker.live).await;
    assert!(matches!(exceeded, PasswordAnswer::Exceeded { .. }), "{exceeded:?}");
}
