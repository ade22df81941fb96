//! Where the blocks of fields begin and end in what a client sends (RFC 9113, 4.1 and 4.3). The library says only that a head is whole:
//! one that never becomes whole has to be noticed here. Nothing is checked, that is the library's.

/// What a client that speaks HTTP/2 begins with (RFC 9113, 3.4).
pub(in crate::intake) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const FRAME_HEAD_BYTES: usize = 9;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

#[derive(Debug)]
pub(super) struct Frames {
    /// Of the preface.
    skip: usize,
    head: [u8; FRAME_HEAD_BYTES],
    have: usize,
    /// Of the payload.
    left: usize,
    /// Fields have begun to come, and the end of them has not.
    in_fields: bool,
    /// They end with this frame.
    ends_fields: bool,
}

impl Frames {
    pub(super) fn new() -> Self {
        Self {
            skip: PREFACE.len(),
            head: [0; FRAME_HEAD_BYTES],
            have: 0,
            left: 0,
            in_fields: false,
            ends_fields: false,
        }
    }

    pub(super) fn in_fields(&self) -> bool {
        self.in_fields
    }

    /// Takes in what has arrived, the preface first. True if a block of fields has ended with it.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) -> bool {
        let mut ended = false;
        while !bytes.is_empty() {
            let part = if self.skip > 0 { &mut self.skip } else { &mut self.left };
            if *part > 0 {
                let count = bytes.len().min(*part);
                *part = part.saturating_sub(count);
                bytes = bytes.get(count..).unwrap_or_default();
            } else if let Some(((byte, rest), place)) = bytes.split_first().zip(self.head.get_mut(self.have)) {
                *place = *byte;
                bytes = rest;
                self.have = self.have.saturating_add(1);
                if self.have == FRAME_HEAD_BYTES {
                    self.begin_frame();
                }
            }
            let whole = self.have == 0 && self.left == 0;
            if whole && self.in_fields && self.ends_fields {
                (self.in_fields, ended) = (false, true);
            }
        }
        ended
    }

    fn begin_frame(&mut self) {
        let [high, middle, low, kind, flags, ..] = self.head;
        self.left = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        self.have = 0;
        if matches!(kind, HEADERS | CONTINUATION) {
            self.in_fields = true;
            self.ends_fields = flags & END_HEADERS != 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CONTINUATION, END_HEADERS, Frames, HEADERS, PREFACE};

    const DATA: u8 = 0;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        frame.extend(std::iter::repeat_n(0xff, usize::from(length)));
        frame
    }

    /// However the bytes are cut, the same is seen.
    #[track_caller]
    fn check(frames: &[Vec<u8>], cut: usize, in_fields: bool, ended: bool) {
        let mut bytes = [PREFACE.to_vec(), frames.concat()].concat();
        bytes.truncate(bytes.len() - cut);
        for piece in [1, 2, 7, 10, bytes.len()] {
            let mut seen = Frames::new();
            let ends = bytes.chunks(piece).filter(|piece| seen.follow(piece)).count();
            assert_eq!((seen.in_fields(), ends > 0), (in_fields, ended), "in pieces of {piece}");
        }
    }

    #[test]
    fn fields_are_open_until_their_end() {
        check(&[], 0, false, false);
        check(&[frame(DATA, 0, 5)], 0, false, false);
        check(&[frame(HEADERS, END_HEADERS, 5)], 0, false, true);
        check(&[frame(HEADERS, END_HEADERS, 5)], 1, true, false);
        check(&[frame(HEADERS, END_HEADERS, 0)], 0, false, true);
        check(&[frame(HEADERS, 0, 5)], 0, true, false);
        check(&[frame(HEADERS, 0, 0)], 0, true, false);
        check(&[frame(HEADERS, 0, 5), frame(CONTINUATION, 0, 5)], 0, true, false);
        check(&[frame(HEADERS, 0, 5), frame(CONTINUATION, END_HEADERS, 5)], 0, false, true);
        check(&[frame(HEADERS, END_HEADERS, 5), frame(DATA, END_HEADERS, 9), frame(HEADERS, 0, 1)], 0, true, true);
    }
}
