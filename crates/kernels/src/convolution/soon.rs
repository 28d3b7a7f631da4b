//! Memory that is needed soon.

/// Stretches that are asked for while products keep the processor busy: what a task writes, and what the next one reads. Where
/// pixels are many and channels few, it would wait for them longer than it multiplies.
#[derive(Clone, Copy)]
pub(super) struct Soon([(*const f32, usize); 2]);

impl Soon {
    /// No stretch.
    pub(super) const NOTHING: (*const f32, usize) = (std::ptr::null(), 0);

    /// Where they begin, and how many values they have.
    pub(super) fn of(stretches: [(*const f32, usize); 2]) -> Self {
        Soon(stretches)
    }

    /// The next so many values.
    #[inline(always)]
    pub(super) fn next(&mut self, len: usize) -> Option<*const f32> {
        let (from, left) = self.0.iter_mut().find(|(_, left)| *left > 0)?;
        let start = *from;
        *from = from.wrapping_add(len);
        *left = left.saturating_sub(len);
        Some(start)
    }
}
