//! From what a machine has to the GPUs that can be used.

use super::Obstacle;
use super::facts::{Driver, DriverFault, Facts, Gpu, Headers, Nvrtc, Version};

/// The lowest compute capability, that of a V100. `scripts/cuda/kernels` shows what happens below it.
pub const LOWEST_CAPABILITY: Version = Version(7, 0);

/// The oldest NVRTC that compiles what cubecl writes; `scripts/cuda/kernels` shows it.
pub const LOWEST_NVRTC: Version = Version(12, 2);

/// The GPUs to use, and those left out.
#[derive(Debug, PartialEq, Eq)]
pub struct Judged {
    /// Numbers of GPUs; at least one.
    pub usable: Vec<usize>,
    /// What is in the way of the others.
    pub passed_over: Vec<Obstacle>,
}

/// Judges every GPU.
///
/// # Errors
/// No GPU can be used: what is in the way of the first.
pub fn all(facts: &Facts) -> Result<Judged, Obstacle> {
    let driver = driver(facts)?;
    let (mut usable, mut passed_over) = (Vec::new(), Vec::new());
    for (number, gpu) in facts.gpus.iter().enumerate() {
        match judge(facts, driver, number, gpu) {
            Ok(()) => usable.push(number),
            Err(obstacle) => passed_over.push(obstacle),
        }
    }
    if usable.is_empty() {
        return Err(passed_over.into_iter().next().unwrap_or_else(|| no_gpu(facts, driver)));
    }
    Ok(Judged { usable, passed_over })
}

/// Judges the GPU of that number.
///
/// # Errors
/// What is in its way.
pub fn one(facts: &Facts, number: usize) -> Result<Judged, Obstacle> {
    let driver = driver(facts)?;
    let count = facts.gpus.len();
    let gpu = facts.gpus.get(number).ok_or_else(|| match count {
        0 => no_gpu(facts, driver),
        _ => Obstacle::NoSuchGpu { asked: number, count },
    })?;
    judge(facts, driver, number, gpu)?;
    Ok(Judged { usable: vec![number], passed_over: Vec::new() })
}

fn driver(facts: &Facts) -> Result<&Driver, Obstacle> {
    facts.driver.as_ref().map_err(|fault| match fault {
        DriverFault::Missing => Obstacle::NoDriver,
        &DriverFault::Symbol(symbol) => Obstacle::StrangeDriver { symbol },
        &DriverFault::Refuses(function, code) => {
            Obstacle::DriverRefuses { function, code, meaning: meaning(code) }
        }
    })
}

/// What to do about an error of the driver's. Source: `CUresult` of cuda.h.
fn meaning(code: i32) -> &'static str {
    match code {
        34 => "it is the stub of a CUDA toolkit, not a driver",
        100 => "there is no GPU, or CUDA_VISIBLE_DEVICES hides it",
        101 => "CUDA_VISIBLE_DEVICES names a GPU that is not there",
        802 => "the GPUs are not ready yet, or their fabric manager does not run",
        803 => "libcuda.so and the kernel's driver are of different versions",
        804 => "cuda-compat does not go with this GPU or driver",
        _ => "see CUresult in cuda.h",
    }
}

fn no_gpu(facts: &Facts, driver: &Driver) -> Obstacle {
    let visible = facts.visible.as_ref();
    let visible = visible.map(|text| format!(", CUDA_VISIBLE_DEVICES is '{text}'")).unwrap_or_default();
    Obstacle::NoGpu { driver: driver.named(), visible }
}

fn judge(facts: &Facts, driver: &Driver, number: usize, gpu: &Gpu) -> Result<(), Obstacle> {
    capability(number, gpu)?;
    let nvrtc = compiler(facts, driver)?;
    headers(&facts.headers)?;
    knows(nvrtc, number, gpu)
}

fn capability(number: usize, gpu: &Gpu) -> Result<(), Obstacle> {
    let found = gpu.capability;
    if found >= LOWEST_CAPABILITY {
        return Ok(());
    }
    let reason = match found {
        // Kepler, the K80 of ml.p2: its last driver is 470.
        Version(..=3, _) => "NVIDIA's last driver for it knows CUDA 11.4, the kernels need NVRTC of CUDA 12",
        // Source: https://github.com/tracel-ai/cubecl/issues/1311, open in 2026.
        _ => "it has no tensor cores, and on GPUs like it the kernels are known to reach for a wrong address",
    };
    Err(Obstacle::OldGpu { number, name: gpu.name.clone(), found, reason })
}

/// PTX of a version that the driver does not know is refused when it is loaded, whatever is in it.
fn compiler<'a>(facts: &'a Facts, driver: &Driver) -> Result<&'a Nvrtc, Obstacle> {
    let nvrtc = facts.nvrtc.as_ref().ok_or(Obstacle::NoNvrtc)?;
    let found = nvrtc.version;
    if found < LOWEST_NVRTC {
        return Err(Obstacle::OldNvrtc { found });
    }
    if found > driver.cuda {
        return Err(Obstacle::NewNvrtc { nvrtc: found, driver: driver.named(), cuda: driver.cuda });
    }
    Ok(nvrtc)
}

fn headers(headers: &Headers) -> Result<(), Obstacle> {
    match headers {
        Headers::Found(_) => Ok(()),
        Headers::Nowhere => Err(Obstacle::NoHeaders),
        Headers::Incomplete(folder, missing) => {
            Err(Obstacle::IncompleteHeaders { folder: folder.clone(), missing })
        }
    }
}

fn knows(nvrtc: &Nvrtc, number: usize, gpu: &Gpu) -> Result<(), Obstacle> {
    let Version(major, minor) = gpu.capability;
    let version = |architecture: u32| Version(architecture / 10, architecture % 10);
    let ends = nvrtc.architectures.iter().min().zip(nvrtc.architectures.iter().max());
    match ends {
        Some((&first, &last)) if !nvrtc.architectures.contains(&(major * 10 + minor)) => {
            Err(Obstacle::UnknownToNvrtc {
                nvrtc: nvrtc.version,
                number,
                name: gpu.name.clone(),
                found: gpu.capability,
                first: version(first),
                last: version(last),
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
