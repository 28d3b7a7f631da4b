//! Stretches of addresses that are free.

use std::collections::BTreeMap;

/// Bytes by the address where they begin; neighbours are one.
#[derive(Debug)]
pub(super) struct Spans(BTreeMap<usize, usize>);

impl Spans {
    pub(super) const fn new() -> Self {
        Spans(BTreeMap::new())
    }

    /// The beginning of the shortest that has so many bytes; the rest of it stays.
    pub(super) fn take(&mut self, size: usize) -> Option<usize> {
        let fitting = self.0.iter().filter(|&(_, &length)| length >= size);
        let (&start, &length) = fitting.min_by_key(|&(_, &length)| length)?;
        self.0.remove(&start);
        self.put(start + size, length - size);
        Some(start)
    }

    /// Adds one that no other has.
    pub(super) fn put(&mut self, mut start: usize, mut size: usize) {
        if size == 0 {
            return;
        }
        if let Some(behind) = self.0.remove(&(start + size)) {
            size += behind;
        }
        if let Some((&before, length)) = self.0.range(..start).next_back()
            && before + length == start
        {
            (start, size) = (before, length + size);
        }
        self.0.insert(start, size);
    }

    pub(super) fn each(&self, mut each: impl FnMut(usize, usize)) {
        self.0.iter().for_each(|(&start, &size)| each(start, size));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(spans: &Spans) -> Vec<(usize, usize)> {
        let mut all = Vec::new();
        spans.each(|start, size| all.push((start, size)));
        all
    }

    #[test]
    fn the_shortest_that_fits_is_cut() {
        let mut spans = Spans::new();
        assert_eq!(spans.take(1), None);
        for (start, size) in [(100, 50), (200, 30), (300, 40)] {
            spans.put(start, size);
        }
        assert_eq!(spans.take(35), Some(300));
        assert_eq!(spans.take(30), Some(200));
        assert_eq!(spans.take(51), None);
        assert_eq!(all(&spans), [(100, 50), (335, 5)]);
    }

    #[test]
    fn neighbours_are_one() {
        let mut spans = Spans::new();
        for (start, size) in [(100, 10), (120, 10), (140, 10), (110, 10), (130, 10), (170, 0)] {
            spans.put(start, size);
        }
        assert_eq!(all(&spans), [(100, 50)]);
    }
}
