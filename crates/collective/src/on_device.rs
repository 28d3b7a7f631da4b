//! Values in a GPU's memory.

/// Values of f32 that lie one behind the other on this rank's device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnDevice {
    address: u64,
    len: usize,
}

impl OnDevice {
    /// `len` values at `address`, a pointer of the device.
    ///
    /// # Safety
    /// They are there, on the device of the rank that gives them to its collective, nothing else touches them until the
    /// operation has returned, and what was to be written to them before is written.
    #[expect(unsafe_code, reason = "an address that another library hands out cannot be checked")]
    pub const unsafe fn new(address: u64, len: usize) -> Self {
        OnDevice { address, len }
    }

    /// Where they begin.
    pub const fn address(self) -> u64 {
        self.address
    }

    /// How many there are.
    pub const fn len(self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }
}
