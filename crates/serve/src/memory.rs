//! How much memory there is, and how it is given back.

use std::fs;
use std::sync::OnceLock;

/// What hands freed memory back to the system.
static GIVE_BACK: OnceLock<fn()> = OnceLock::new();

/// Says how the process's allocator hands freed memory back to the system; it is asked after a model was loaded or
/// unloaded, which frees as much as the model is large. An allocator keeps that for itself otherwise.
pub fn given_back_by(give_back: fn()) {
    // Whoever came first knows the allocator as well.
    let _ = GIVE_BACK.set(give_back);
}

/// Hands freed memory back: the kernels' to the system, and the allocator's too where it is known how.
pub(crate) fn give_back() {
    brazier_model::native::give_back();
    if let Some(give_back) = GIVE_BACK.get() {
        give_back();
    }
}

/// Where a container's limit is told, in cgroups of version 2 and of version 1 (cgroups(7)); both hold a number of bytes,
/// or one or a word beyond all machines.
const LIMITS: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Bytes that this process may use: the container's limit, or else the machine's memory.
pub fn available() -> u64 {
    let limits = LIMITS.iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
    limits.chain(machine()).min().unwrap_or(u64::MAX)
}

/// `MemTotal` of `/proc/meminfo`, there in KiB (proc_meminfo(5)).
fn machine() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_more_than_a_little_and_less_than_endless() {
        assert!((64 << 20..1 << 50).contains(&available()), "{}", available());
    }
}
