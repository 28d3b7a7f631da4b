//! The thread that listens to the others' hearts, and beats ours.

use std::io::Read;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::control::Control;

/// Runs until our rank has left and the others know.
pub fn watch(control: &Control, mut wake: &UnixStream) {
    let beat = control.limits.beat();
    let mut streams = streams(control);
    let mut due = Instant::now();
    loop {
        let now = Instant::now();
        let position = control.progress.position();
        let done = control.update(|state| {
            if now >= due {
                state.beat(position);
            }
            state.round(position, &control.limits, Instant::now());
            streams.retain(|(rank, _)| state.channel(*rank).is_some());
            state.is_done(now)
        });
        if done {
            return;
        }
        if now >= due {
            due = now + beat;
        }
        sleep(&streams, wake, beat / 2);
        // Only its coming matters.
        let _ = wake.read(&mut [0; 64]);
    }
}

/// A second handle on each connection: waiting must not hold the lock.
fn streams(control: &Control) -> Vec<(usize, TcpStream)> {
    let state = control.lock();
    let stream = |rank| Some((rank, state.channel(rank)?.stream().try_clone().ok()?));
    (0..control.world()).filter_map(stream).collect()
}

fn sleep(streams: &[(usize, TcpStream)], wake: &UnixStream, limit: Duration) {
    let mut wanted = vec![PollFd::new(wake, PollFlags::IN)];
    wanted.extend(streams.iter().map(|(_, stream)| PollFd::new(stream, PollFlags::IN)));
    let limit = Timespec::try_from(limit).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
    // An interrupted wait is a short one.
    let _ = poll(&mut wanted, Some(&limit));
}
