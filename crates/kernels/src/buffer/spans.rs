//! Stretches of addresses that are free.

/// Where each begins and how many bytes it has, by address; neighbours are one. There are few: a list needs memory of its own
/// only until it has been as long as it gets.
#[derive(Debug)]
pub(super) struct Spans(Vec<(usize, usize)>);

impl Spans {
    pub(super) const fn new() -> Self {
        Spans(Vec::new())
    }

    /// The beginning of the shortest that has so many bytes; the rest of it stays.
    pub(super) fn take(&mut self, size: usize) -> Option<usize> {
        let fitting = self.0.iter().enumerate().filter(|&(_, &(_, length))| length >= size);
        let (index, &(start, length)) = fitting.min_by_key(|&(_, &(_, length))| length)?;
        match length == size {
            true => drop(self.0.remove(index)),
            false => self.0[index] = (start + size, length - size),
        }
        Some(start)
    }

    /// Adds one that no other has.
    pub(super) fn put(&mut self, start: usize, size: usize) {
        if size == 0 {
            return;
        }
        let index = self.0.partition_point(|&(other, _)| other < start);
        let joins_behind = self.0.get(index).is_some_and(|&(behind, _)| behind == start + size);
        let joins_before = index > 0 && self.0[index - 1].0 + self.0[index - 1].1 == start;
        match (joins_before, joins_behind) {
            (true, true) => self.0[index - 1].1 += size + self.0.remove(index).1,
            (true, false) => self.0[index - 1].1 += size,
            (false, true) => self.0[index] = (start, size + self.0[index].1),
            (false, false) => self.0.insert(index, (start, size)),
        }
    }

    pub(super) fn each(&self, mut each: impl FnMut(usize, usize)) {
        self.0.iter().for_each(|&(start, size)| each(start, size));
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
