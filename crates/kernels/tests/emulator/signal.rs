//! The signal of an illegal instruction.

use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::ptr;

use super::decode::decode;
use super::tiles::Tiles;

thread_local! {
    /// Without a destructor, and there from the start: a handler can use it.
    static TILES: RefCell<Tiles> = const { RefCell::new(Tiles::new()) };
}

/// Answers illegal instructions of all threads from now on.
pub fn install() {
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = answer;
    // SAFETY: all zeros are a valid action. The signal comes from an instruction of ours, never from inside of a function of the
    // system or of an allocator, so that the handler may do what any function may; it runs on the thread's own stack, which
    // has more room than the one for signals.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(libc::SIGILL, &raw const action, ptr::null_mut()), 0);
    }
}

/// Whether this thread's tiles are configured.
#[allow(dead_code, reason = "only the emulator's own tests ask")]
pub fn is_configured() -> bool {
    TILES.with_borrow(Tiles::is_configured)
}

/// Registers by the numbers that instructions give them.
const REGISTERS: [c_int; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

extern "C" fn answer(_signal: c_int, _information: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the third argument is this, and nobody else's.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let code: *const u8 = ptr::with_exposed_provenance(registers[libc::REG_RIP as usize] as usize);
    // SAFETY: the processor has read as many bytes as it takes to know the instruction.
    let byte = |index: usize| unsafe { *code.add(index) };
    let register = |number: usize| registers[REGISTERS[number] as usize] as usize;
    let Some((instruction, length)) = decode(byte, register) else {
        // Not one of ours: it is illegal again, and ends the process.
        // SAFETY: as in `install`.
        unsafe { libc::signal(libc::SIGILL, libc::SIG_DFL) };
        return;
    };
    // SAFETY: the operands are those of code whose contract is that they are readable and writable.
    if let Err(error) = TILES.with_borrow_mut(|tiles| unsafe { tiles.run(instruction) }) {
        let text = format!("{instruction:x?} is a fault: {error}\n");
        // SAFETY: these bytes. Not `eprintln`, which a test keeps for later.
        unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
        std::process::abort();
    }
    registers[libc::REG_RIP as usize] += length as i64;
}
