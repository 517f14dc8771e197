//! What a scanner is answered: bytes that it takes for an acknowledgement, or for a command to its own beeper.
//!
//! Promises: an answer goes out once the entry is durable, and where nothing was recorded there is none. Telling it never waits, and sending
//! it never holds up reading: at most [`WAITING_MAX`] answers wait for a reader, each for at most [`ANSWER_WITHIN_MS`], and what a peer does
//! not take in that time is dropped.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use attendance::words::ReaderId;

use crate::config::{DeviceConfig, ReaderConfig, Sound};
use crate::feedback::{Feedback, Telling};
use crate::gpio::Cue;
use crate::screen::view::Face;

/// Answers that wait for one reader. A beep for somebody before the last is no answer any more.
pub(super) const WAITING_MAX: usize = 4;
/// How long, in milliseconds, an answer may take to be sent.
pub(super) const ANSWER_WITHIN_MS: u64 = 1_000;

/// Answers that wait for one reader.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    waiting: Mutex<VecDeque<(Vec<u8>, Instant)>>,
}

impl Mailbox {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<(Vec<u8>, Instant)>> {
        // Whoever panicked left whole answers behind.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, bytes: Vec<u8>) {
        let mut waiting = self.waiting();
        if waiting.len() == WAITING_MAX {
            waiting.pop_front();
        }
        waiting.push_back((bytes, Instant::now()));
    }

    pub(super) fn take(&self) -> Option<(Vec<u8>, Instant)> {
        self.waiting().pop_front()
    }
}

#[derive(Debug)]
struct Words {
    acknowledge: Vec<u8>,
    refuse: Vec<u8>,
    mailbox: Arc<Mailbox>,
}

/// Answers to the readers that are to have some.
#[derive(Debug, Clone, Default)]
pub struct Answers(Arc<BTreeMap<ReaderId, Words>>);

impl Answers {
    /// For the readers of a configuration.
    pub fn of(configs: &[ReaderConfig]) -> Self {
        let answered = configs.iter().filter_map(|config| match &config.device {
            DeviceConfig::Serial(serial) if serial.is_answered() => {
                let words = Words {
                    acknowledge: serial.acknowledge.clone(),
                    refuse: serial.refuse.clone(),
                    mailbox: Arc::default(),
                };
                Some((config.name.clone(), words))
            }
            _ => None,
        });
        Self(Arc::new(answered.collect()))
    }

    pub(super) fn mailbox(&self, reader: &ReaderId) -> Option<Arc<Mailbox>> {
        let words = self.0.get(reader)?;
        Some(Arc::clone(&words.mailbox))
    }
}

impl Feedback for Answers {
    fn tell(&mut self, telling: &Telling<'_>) -> std::io::Result<()> {
        let (Some(words), Some(_)) = (self.0.get(telling.reader), telling.entry) else {
            return Ok(());
        };
        let bytes = if is_well(telling.face) {
            &words.acknowledge
        } else {
            &words.refuse
        };
        if !bytes.is_empty() {
            words.mailbox.put(bytes.clone());
        }
        Ok(())
    }
}

/// Whether whoever scanned may go on, or has to see staff: as it sounds on the screen.
fn is_well(face: &Face) -> bool {
    let sound = Cue::of(face).sound;
    sound.is_some_and(|sound| sound != Sound::Attention)
}

/// The answer that is being sent. Time is in milliseconds from any beginning.
#[derive(Debug, Default)]
pub(super) struct Sending {
    left: VecDeque<u8>,
    until_ms: u64,
}

impl Sending {
    /// Whether everything has gone.
    pub(super) fn is_done(&self) -> bool {
        self.left.is_empty()
    }

    /// Begins to send an answer that was told so long ago.
    pub(super) fn begin(&mut self, bytes: Vec<u8>, told_ago_ms: u64, now_ms: u64) {
        self.left = bytes.into();
        self.until_ms = (now_ms + ANSWER_WITHIN_MS).saturating_sub(told_ago_ms);
    }

    /// Sends what goes. `write` takes one byte and says whether the peer had room for it. What is late is dropped: true if that was so.
    pub(super) fn go_on(&mut self, now_ms: u64, mut write: impl FnMut(u8) -> bool) -> bool {
        if !self.is_done() && now_ms >= self.until_ms {
            self.left.clear();
            return true;
        }
        while let Some(byte) = self.left.front()
            && write(*byte)
        {
            self.left.pop_front();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_answer_goes_as_far_as_the_peer_takes_it_and_not_for_ever() {
        let mut sending = Sending::default();
        let mut sent = Vec::new();
        sending.begin(b"abcd".to_vec(), 400, 1_000);
        let mut take = |sending: &mut Sending, now_ms, room: usize| {
            let mut room = room;
            sending.go_on(now_ms, |byte| {
                let has_room = room > 0;
                if has_room {
                    sent.push(byte);
                    room -= 1;
                }
                has_room
            })
        };
        assert!(!take(&mut sending, 1_000, 2));
        assert!(!take(&mut sending, 1_599, 0));
        assert!(!sending.is_done());
        assert!(take(&mut sending, 1_600, 9), "it is late and dropped");
        assert!(sending.is_done());
        assert!(!take(&mut sending, 1_700, 9));
        assert_eq!(sent, b"ab");
    }

    #[test]
    fn only_so_many_answers_wait() {
        let mailbox = Mailbox::default();
        for number in 0..9 {
            mailbox.put(vec![number]);
        }
        let waiting: Vec<u8> = std::iter::from_fn(|| mailbox.take())
            .map(|(bytes, _)| bytes[0])
            .collect();
        assert_eq!(waiting, [5, 6, 7, 8]);
    }
}
