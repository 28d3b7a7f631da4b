//! Rank 0 finds the first cause.
//!
//! A rank that ends or falls silent shows on its control connection. What shows elsewhere is judged here: data
//! connections that break alone, links that carry nothing, ranks that live but do not come.

use std::time::{Duration, Instant};

use super::group::Limits;
use super::message::{Cause, Position};
use super::state::left_early;

#[derive(Debug)]
pub struct Judge {
    seen: Vec<Seen>,
    suspects: Vec<Suspect>,
}

#[derive(Debug)]
struct Seen {
    position: Position,
    /// Since when it is at its operation, or outside of one.
    here: Instant,
    /// When data last came to it, or it last wanted none, or last none was on its way.
    fed: Instant,
}

#[derive(Debug)]
struct Suspect {
    by: usize,
    of: usize,
    why: String,
    since: Instant,
}

impl Judge {
    pub fn new(world: usize) -> Self {
        let now = Instant::now();
        let seen = || Seen { position: Position::default(), here: now, fed: now };
        Self { seen: (0..world).map(|_| seen()).collect(), suspects: Vec::new() }
    }

    /// Where a rank is.
    pub fn see(&mut self, rank: usize, position: Position, now: Instant) {
        let seen = &mut self.seen[rank];
        let old = seen.position;
        if (old.sequence, old.inside) != (position.sequence, position.inside) {
            seen.here = now;
        }
        if old.received != position.received || !position.hungry || !old.hungry {
            seen.fed = now;
        }
        seen.position = position;
        // A rank may rest for long before it sends: only what it has sent can be late.
        for right in [rank, (rank + 1) % self.seen.len()] {
            if !self.is_owed(right) {
                self.seen[right].fed = now;
            }
        }
    }

    /// Whether its left neighbour sent it more than it has.
    fn is_owed(&self, right: usize) -> bool {
        let left = (right + self.seen.len() - 1) % self.seen.len();
        self.seen[left].position.sent > self.seen[right].position.received
    }

    /// A data connection broke. Its end may be innocent: the cause has time to show.
    pub fn suspect(&mut self, by: usize, of: usize, why: &str) {
        self.suspects.push(Suspect { by, of, why: why.to_owned(), since: Instant::now() });
    }

    /// What can be said by now.
    pub fn judge(&self, left: &[Option<u64>], limits: &Limits, now: Instant) -> Option<Cause> {
        self.broken(left, limits, now)
            .or_else(|| self.behind(left, limits.stall, now))
            .or_else(|| self.cut_off(limits.silence.saturating_mul(2), now))
    }

    fn broken(&self, left: &[Option<u64>], limits: &Limits, now: Instant) -> Option<Cause> {
        let gone_early = self
            .suspects
            .iter()
            .find_map(|Suspect { of, .. }| Some(Cause::Gone { rank: *of, why: left_early(left[*of]?) }));
        gone_early.or_else(|| {
            let due = |suspect: &&Suspect| now.duration_since(suspect.since) > limits.grace();
            let Suspect { by, of, why, .. } = self.suspects.iter().find(due)?;
            Some(Cause::Gone { rank: *of, why: format!("its data connection with rank {by} broke: {why}") })
        })
    }

    /// A rank that has not come to where another waits.
    fn behind(&self, left: &[Option<u64>], stall: Duration, now: Instant) -> Option<Cause> {
        let waits = |seen: &Seen| seen.position.inside && now.duration_since(seen.here) > stall;
        let waiting =
            self.seen.iter().filter(|seen| waits(seen)).max_by_key(|seen| seen.position.sequence)?;
        let (rank, last) = (0..self.seen.len())
            .filter(|rank| left[*rank].is_none())
            .map(|rank| (rank, &self.seen[rank]))
            .min_by_key(|(_, seen)| seen.position.sequence)?;
        let begun = last.position.sequence;
        let late = begun < waiting.position.sequence && now.duration_since(last.here) > stall;
        let waited = now.duration_since(waiting.here);
        late.then_some(Cause::Behind { rank, operation: begun + 1, waited })
    }

    /// A link between two living ranks that carries nothing: bytes were sent and did not come, for so long.
    fn cut_off(&self, limit: Duration, now: Instant) -> Option<Cause> {
        (0..self.seen.len()).find_map(|left| {
            let rank = (left + 1) % self.seen.len();
            let Seen { position, fed, .. } = &self.seen[rank];
            let waits = position.inside && position.hungry && now.duration_since(*fed) > limit;
            let why = || format!("nothing that rank {left} sends reaches it");
            (waits && self.is_owed(rank)).then(|| Cause::Gone { rank, why: why() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        rendezvous: Duration::from_secs(1),
        silence: Duration::from_secs(10),
        stall: Duration::from_secs(60),
    };

    fn inside(sequence: u64, sent: u64, received: u64) -> Position {
        Position { sequence, inside: true, hungry: true, sent, received }
    }

    #[test]
    fn a_broken_connection_waits_for_its_cause() {
        let mut judge = Judge::new(3);
        judge.suspect(0, 2, "reset");
        let now = Instant::now();
        assert_eq!(judge.judge(&[None; 3], &LIMITS, now), None);
        let why = "its data connection with rank 0 broke: reset".to_owned();
        let later = now + Duration::from_secs(3);
        assert_eq!(judge.judge(&[None; 3], &LIMITS, later), Some(Cause::Gone { rank: 2, why }));
        let early = judge.judge(&[None, None, Some(7)], &LIMITS, now);
        assert!(
            matches!(&early, Some(Cause::Gone { rank: 2, why }) if why.contains("left after operation 7"))
        );
    }

    #[test]
    fn who_does_not_come_is_named() {
        let (mut judge, start) = (Judge::new(3), Instant::now());
        judge.see(0, inside(5, 0, 0), start);
        judge.see(1, Position { sequence: 4, ..Position::default() }, start);
        judge.see(2, inside(5, 0, 0), start);
        assert_eq!(judge.judge(&[None; 3], &LIMITS, start + Duration::from_secs(59)), None);
        let waited = Duration::from_secs(61);
        let cause = judge.judge(&[None; 3], &LIMITS, start + waited);
        assert_eq!(cause, Some(Cause::Behind { rank: 1, operation: 5, waited }));
        judge.see(1, inside(5, 0, 0), start + waited);
        assert_eq!(judge.judge(&[None; 3], &LIMITS, start + waited), None);
    }

    #[test]
    fn a_link_that_carries_nothing_is_named() {
        let (mut judge, start) = (Judge::new(3), Instant::now());
        // Rank 2 waits for what rank 1 has sent; rank 0 waits for rank 2, which has nothing to send.
        judge.see(0, inside(1, 100, 50), start);
        judge.see(1, inside(1, 100, 100), start);
        judge.see(2, inside(1, 50, 40), start);
        for rank in 0..3 {
            let position = judge.seen[rank].position;
            judge.see(rank, position, start + Duration::from_secs(1));
        }
        let cause = judge.judge(&[None; 3], &LIMITS, start + Duration::from_secs(21));
        let why = "nothing that rank 1 sends reaches it".to_owned();
        assert_eq!(cause, Some(Cause::Gone { rank: 2, why }));
        judge.see(2, inside(1, 50, 41), start + Duration::from_secs(20));
        assert_eq!(judge.judge(&[None; 3], &LIMITS, start + Duration::from_secs(21)), None);
    }

    #[test]
    fn who_rested_before_it_sent_has_cut_off_nobody() {
        let (mut judge, start) = (Judge::new(2), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        for second in 0..30 {
            judge.see(0, Position::default(), after(second));
            judge.see(1, inside(1, 100, 0), after(second));
        }
        // What rank 0 has just sent is there, but the news of it is not here yet.
        judge.see(0, inside(1, 100, 0), after(30));
        assert_eq!(judge.judge(&[None; 2], &LIMITS, after(30)), None);
        judge.see(0, inside(1, 100, 100), after(31));
        judge.see(1, inside(1, 100, 0), after(50));
        let why = "nothing that rank 0 sends reaches it".to_owned();
        let cause = judge.judge(&[None; 2], &LIMITS, after(51));
        assert_eq!(cause, Some(Cause::Gone { rank: 1, why }));
    }
}
