//! What becomes of the bytes that are written to a client. The head of an answer whose body is still to be judged is kept by the
//! connection's gate, until the body is found good or a refusal takes its place.
//!
//! The request says here what it wants; who has the bytes does it (`intake::gate::kept`, `intake::http2::answer`).

use bytes::Bytes;
use pingora::http::ResponseHeader;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

/// Shared by a connection and its request, which are polled by the same task: nothing has to be ordered.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    /// A [`Will`].
    will: AtomicU8,
    // std's Mutex: never held across an await.
    instead: Mutex<Option<Box<Substitute>>>,
}

/// A whole answer that goes out in place of one that was kept.
#[derive(Debug)]
pub(crate) struct Substitute {
    pub(crate) head: ResponseHeader,
    pub(crate) body: Bytes,
}

/// What the client was told instead.
pub(crate) struct Instead {
    pub(crate) head: ResponseHeader,
    pub(crate) body_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Will {
    /// What is written goes out: so it is with every answer that nobody has to see whole.
    Open = 0,
    /// What is written is kept.
    Keep = 1,
    /// What was kept goes out ahead of what is still written. Open again after that.
    LetGo = 2,
    /// What was kept is thrown away, and so is all that is still written. Something else goes out, and nothing after it.
    Replace = 3,
}

impl Hold {
    /// The one look that every write costs.
    pub(crate) fn is_open(&self) -> bool {
        self.will.load(Ordering::Relaxed) == Will::Open as u8
    }

    pub(crate) fn will(&self) -> Will {
        let will = self.will.load(Ordering::Relaxed);
        [Will::Keep, Will::LetGo, Will::Replace].into_iter().find(|known| *known as u8 == will).unwrap_or(Will::Open)
    }

    /// Whether nothing of what was written since [`Self::keep`] has gone out, or is about to.
    pub(crate) fn keeps(&self) -> bool {
        self.will() == Will::Keep
    }

    /// From here on what is written is kept.
    pub(crate) fn keep(&self) {
        self.set(Will::Keep);
    }

    /// What was kept may go. It goes with the next write, flush or end of the connection.
    pub(crate) fn let_go(&self) {
        if self.keeps() {
            self.set(Will::LetGo);
        }
    }

    /// This goes out instead of what was kept, and is the last that the client gets.
    pub(crate) fn replace(&self, instead: Box<Substitute>) {
        *self.instead.lock().unwrap_or_else(PoisonError::into_inner) = Some(instead);
        self.set(Will::Replace);
    }

    /// What [`Self::replace`] was given; who asks again gets it once.
    pub(crate) fn take_instead(&self) -> Option<Box<Substitute>> {
        self.instead.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Nothing is kept any more.
    pub(crate) fn open(&self) {
        self.set(Will::Open);
    }

    fn set(&self, will: Will) {
        self.will.store(will as u8, Ordering::Relaxed);
    }
}
