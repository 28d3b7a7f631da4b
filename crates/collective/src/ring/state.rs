//! Who is there, who has left, and why the group is broken.
//!
//! Rank 0 has a control connection with every other rank and is the judge: the first cause that it hears of is
//! the group's. The others hear its verdict, and judge nothing but rank 0 itself.

use std::net::{Shutdown, TcpStream};
use std::time::Instant;

use super::channel::Channel;
use super::group::Limits;
use super::judge::Judge;
use super::message::{Cause, Message, Position};

#[derive(Debug)]
pub struct State {
    /// By rank; `None` at our own place, where there is no connection, and once a rank has left or is gone.
    channels: Vec<Option<Channel>>,
    /// By rank: after how many operations it left in order.
    left: Vec<Option<u64>>,
    verdict: Option<Cause>,
    judge: Option<Judge>,
    data: Vec<TcpStream>,
    /// Until when we wait for the others to hear our last word.
    leaving: Option<Instant>,
    /// Until when we, the judge, stay for those that are still in their last operation.
    staying: Option<Instant>,
    last_round: Instant,
}

impl State {
    pub fn new(rank: usize, channels: Vec<Option<Channel>>) -> Self {
        let world = channels.len();
        let judge = (rank == 0).then(|| Judge::new(world));
        let (left, data) = (vec![None; world], Vec::new());
        Self {
            channels,
            left,
            verdict: None,
            judge,
            data,
            leaving: None,
            staying: None,
            last_round: Instant::now(),
        }
    }

    pub fn verdict(&self) -> Option<&Cause> {
        self.verdict.as_ref()
    }

    pub fn channel(&self, rank: usize) -> Option<&Channel> {
        self.channels[rank].as_ref()
    }

    /// A rank that left in order before it came to this operation.
    pub fn left_before(&self, sequence: u64) -> Option<usize> {
        self.left.iter().position(|left| left.is_some_and(|after| after < sequence))
    }

    /// Whether everyone has heard our last word, or has had the time to.
    pub fn is_done(&self, now: Instant) -> bool {
        let until = self.leaving.or(self.staying);
        until.is_some_and(|until| now >= until || self.channels.iter().all(Option::is_none))
    }

    pub fn guard(&mut self, data: Vec<TcpStream>) {
        self.data = data;
        if self.verdict.is_some() {
            self.cut();
        }
    }

    /// Breaks the group, if it is not broken yet, and tells everyone but the one we know it from.
    pub fn pronounce(&mut self, cause: Cause, from: Option<usize>) {
        if self.verdict.is_some() {
            return;
        }
        for (rank, channel) in self.channels.iter_mut().enumerate() {
            if let Some(channel) = channel.as_mut().filter(|_| from != Some(rank)) {
                channel.send(&Message::Verdict(cause.clone()));
            }
        }
        if let Cause::Gone { rank, .. } = cause
            && let Some(channel) = self.channels.get_mut(rank)
        {
            // Nobody waits for its answer.
            *channel = None;
        }
        self.verdict = Some(cause);
        self.cut();
    }

    fn cut(&mut self) {
        for stream in self.data.drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// The data connection of a rank with another broke.
    pub fn suspect(&mut self, by: usize, of: usize, why: &str) {
        if let Some(judge) = &mut self.judge {
            judge.suspect(by, of, why);
        } else if let Some(channel) = &mut self.channels[0] {
            channel.send(&Message::Suspect { of, why: why.to_owned() });
        } else {
            // Rank 0 has left: there is no judge any more.
            self.pronounce(Cause::Gone { rank: of, why: why.to_owned() }, None);
        }
    }

    /// Says goodbye, in order after so many operations. The judge leaves last: a rank may hang between another and its last operation.
    pub fn leave(&mut self, in_order_after: Option<u64>, limits: &Limits) {
        let now = Instant::now();
        self.data.clear();
        if let (Some(after), Some(_), None) = (in_order_after, &self.judge, &self.verdict) {
            self.left[0] = Some(after);
            self.staying = Some(now + limits.silence.saturating_mul(2));
            return;
        }
        for channel in self.channels.iter_mut().flatten() {
            if let Some(after) = in_order_after {
                channel.send(&Message::Leave { after });
            }
            channel.finish();
        }
        self.leaving = Some(now + limits.farewell());
    }

    /// Hears everyone, then judges.
    pub fn round(&mut self, us: Position, limits: &Limits, now: Instant) {
        // We were stopped, or the whole machine was: the others may have had no turn yet.
        let away = now.duration_since(self.last_round) > limits.silent() / 2;
        self.last_round = now;
        for rank in 0..self.channels.len() {
            let Some(channel) = &mut self.channels[rank] else { continue };
            channel.flush();
            let messages = channel.receive();
            if away {
                channel.excuse();
            }
            for message in messages {
                self.hear(rank, message);
            }
            self.attend(rank, limits);
        }
        self.miss(us);
        if let (Some(judge), None) = (&mut self.judge, &self.verdict) {
            judge.see(0, us, now);
            if let Some(cause) = judge.judge(&self.left, limits, now) {
                self.pronounce(cause, None);
            }
        }
    }

    fn hear(&mut self, rank: usize, message: Message) {
        match message {
            Message::Beat(position) => {
                if let Some(judge) = &mut self.judge {
                    judge.see(rank, position, Instant::now());
                }
            }
            Message::Suspect { of, why } if of < self.channels.len() => self.suspect(rank, of, &why),
            Message::Verdict(cause) => self.pronounce(cause, Some(rank)),
            Message::Leave { after } => {
                self.left[rank] = Some(after);
                if let Some(mut channel) = self.channels[rank].take() {
                    channel.finish();
                }
            }
            // The words of the rendezvous have no meaning any more.
            _ => {}
        }
    }

    /// Notices that a rank has left before the operation that we are in.
    fn miss(&mut self, us: Position) {
        let rank = self.left_before(us.sequence).filter(|_| us.inside);
        if let Some((rank, after)) = rank.and_then(|rank| Some((rank, self.left[rank]?))) {
            self.pronounce(Cause::Gone { rank, why: left_early(after) }, None);
        }
    }

    /// Notices that a rank is gone.
    fn attend(&mut self, rank: usize, limits: &Limits) {
        let Some(channel) = &self.channels[rank] else { return };
        let silent = channel.heard().elapsed();
        let why = match channel.closed() {
            Some(why) => why.to_owned(),
            None if silent > limits.silent() && self.leaving.is_none() => {
                format!("nothing was heard of it for {:.1} s", silent.as_secs_f64())
            }
            None => return,
        };
        if self.leaving.is_none() {
            self.pronounce(Cause::Gone { rank, why }, None);
        }
        self.channels[rank] = None;
    }

    /// A sign of life to everyone.
    pub fn beat(&mut self, us: Position) {
        if self.verdict.is_some() || self.leaving.is_some() {
            return;
        }
        // What waits is a sign of life too.
        for channel in self.channels.iter_mut().flatten().filter(|channel| !channel.is_congested()) {
            channel.send(&Message::Beat(us));
        }
    }
}

/// Why a rank is missed that left in order.
pub fn left_early(after: u64) -> String {
    format!("it left after operation {after}, others went on")
}
