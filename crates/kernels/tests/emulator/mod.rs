//! AMX where the processor lacks it: its instructions are illegal there, and the signal that says so is answered by doing what
//! Intel's manual says of them (`decode`, `tiles`). So the kernels' own code runs, instruction by instruction.
//!
//! The rest of that path is AVX-512 BF16, which the processor must have.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub mod decode;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub mod signal;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub mod tiles;

use brazier_kernels::Path;

/// All instruction sets that can be tested here, AMX's among them if its instructions are there or can be emulated.
pub fn paths() -> Vec<Path> {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    {
        use std::sync::Once;
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            if Path::named("amx").is_ok() {
                println!("AMX is the processor's own");
            } else if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16") {
                println!("AMX is emulated");
                signal::install();
                // SAFETY: just installed, for all threads, and just found.
                unsafe { Path::assume_amx() };
            } else {
                println!("AMX is not tested: this processor has neither it nor AVX-512 BF16");
            }
        });
    }
    Path::all()
}
