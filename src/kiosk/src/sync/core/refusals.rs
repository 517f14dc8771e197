//! What the issuer refused: what of it is put right at once, and what is an alarm and offered again.

use protocol::problem::{Code, Problem};

use super::super::words::{Alarm, Answer, Ask, Call, Effect, MonoMs, Outcome, Request};
use super::{Asking, Calling, Core, GAPS_IN_ROW, Sent, TIME_AGAIN_MS, sealed};

impl Core {
    pub(super) fn refused(
        &mut self,
        now: MonoMs,
        calling: Calling,
        answer: &Answer,
        fresh: Option<String>,
    ) -> Option<Effect> {
        let call = calling.request.call;
        let problem = serde_json::from_slice::<Problem>(&answer.body).ok();
        let code = problem.as_ref().and_then(Problem::code);
        if code == Some(Code::StaleNonce) && call != Call::Time {
            return self.stale(now, calling, fresh);
        }
        let held = problem.as_ref().and_then(|problem| problem.size);
        let kept = problem.as_ref().and_then(|problem| problem.kept);
        let checkpoint = problem.and_then(|problem| problem.checkpoint);
        if let Some(sent) = calling.batch
            && let Some((asking, ask)) = sealed::refused(sent, code, held, kept)
        {
            return Some(self.ask(asking, ask));
        }
        match (code, calling.batch) {
            (Some(Code::Gap), Some(sent)) if sent.sealed.is_none() => self.gap(now, sent, held),
            (Some(Code::Fork), Some(sent)) if sent.sealed.is_none() => {
                let Some(checkpoint) = checkpoint else {
                    self.alarm(now, call, Alarm::ForkUnproven, Outcome::Refused);
                    return None;
                };
                self.record(now, call, Outcome::Refused, Some(Code::Fork.as_str()));
                return Some(self.ask(Asking::Fork, Ask::Fork { checkpoint }));
            }
            (code, Some(sent))
                if sent.sealed.is_none()
                    && (code == Some(Code::TooLarge) || answer.status == 413) =>
            {
                self.too_large(now, sent);
            }
            (code, _) => {
                let alarm = Alarm::of_refusal(call, code);
                self.jobs[call.index()].alarm = Some(alarm);
                self.back_off(now, call, 0);
                let code = code.map_or(alarm.as_str(), Code::as_str);
                self.record(now, call, Outcome::Refused, Some(code));
            }
        }
        None
    }

    /// The nonce had expired: once more with the new one, and only once.
    fn stale(&mut self, now: MonoMs, calling: Calling, fresh: Option<String>) -> Option<Effect> {
        let call = calling.request.call;
        let first = !calling.again && self.jobs[call.index()].failures == 0;
        if fresh.is_some() && first {
            let request = Request {
                id: self.next_id(),
                nonce: fresh,
                ..calling.request
            };
            return Some(self.calling(request, true, calling.batch));
        }
        if fresh.is_none() {
            self.nonce = None;
            let time = &mut self.jobs[Call::Time.index()];
            time.due = time.due.min(now.plus_ms(TIME_AGAIN_MS));
        }
        self.back_off(now, call, 0);
        let code = Code::StaleNonce.as_str();
        self.record(now, call, Outcome::Refused, Some(code));
        None
    }

    /// The issuer holds less than was thought: on from what it holds.
    pub(super) fn gap(&mut self, now: MonoMs, sent: Sent, held: Option<u64>) {
        let Some(held) = held.filter(|held| *held < sent.start) else {
            self.malformed(now, Call::Entries);
            return;
        };
        self.issuer_size = held;
        self.issuer_behind |= held < self.receipted_size;
        self.gaps += 1;
        let job = &mut self.jobs[Call::Entries.index()];
        job.due = now;
        if self.gaps > GAPS_IN_ROW {
            self.back_off(now, Call::Entries, 0);
        }
        let code = Code::Gap.as_str();
        self.record(now, Call::Entries, Outcome::Refused, Some(code));
    }

    pub(super) fn too_large(&mut self, now: MonoMs, sent: Sent) {
        if sent.leaves <= 1 {
            self.alarm(now, Call::Entries, Alarm::EntryTooLarge, Outcome::Refused);
            return;
        }
        self.max_entries = (sent.leaves / 2).max(1);
        self.max_bytes = (sent.bytes / 2).max(1);
        self.fitted = 0;
        self.jobs[Call::Entries.index()].due = now;
        let code = Code::TooLarge.as_str();
        self.record(now, Call::Entries, Outcome::Refused, Some(code));
    }
}
