//! What a machine has of NVIDIA's: the driver, its GPUs, and the libraries that a GPU's code is made with.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

/// A version of CUDA, of NVRTC, or a compute capability: `12.8`, `9.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

impl Display for Version {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0, self.1)
    }
}

/// Everything that decides whether a GPU can be used.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What opening the driver came to.
    pub driver: Result<Driver, DriverFault>,
    /// The GPUs the driver shows, in its order.
    pub gpus: Vec<Gpu>,
    /// `CUDA_VISIBLE_DEVICES`, by which a user hides or reorders them, if it is set.
    pub visible: Option<String>,
    /// The compiler of a GPU's code, if it can be opened.
    pub nvrtc: Option<Nvrtc>,
    /// The library of many GPUs, if it can be opened: its version, `2.27.3`.
    pub nccl: Option<String>,
    /// The folder of the CUDA headers, which NVRTC reads.
    pub headers: Headers,
}

/// NVIDIA's driver.
#[derive(Clone, Debug)]
pub struct Driver {
    /// The newest CUDA it knows.
    pub cuda: Version,
    /// Its own version, `570.86.15`, if the system tells it.
    pub release: Option<String>,
}

/// Why the driver is of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriverFault {
    /// `libcuda.so` cannot be opened.
    Missing,
    /// It can, but lacks a function.
    Symbol(&'static str),
    /// A function of it answers an error: its name and CUDA's number of the error.
    Refuses(&'static str, i32),
}

/// One GPU.
#[derive(Clone, Debug)]
pub struct Gpu {
    /// `Tesla V100-SXM2-16GB`
    pub name: String,
    /// What it can do; the `sm_70` of a V100 is 7.0.
    pub capability: Version,
    /// Bytes.
    pub memory: u64,
}

/// NVIDIA's run-time compiler.
#[derive(Clone, Debug)]
pub struct Nvrtc {
    /// Its version.
    pub version: Version,
    /// The compute capabilities it compiles for, 70 for 7.0; empty where it does not tell.
    pub architectures: Vec<u32>,
}

/// Where the CUDA headers are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Headers {
    /// All that a kernel may include are in this folder.
    Found(PathBuf),
    /// This file of this folder is not there.
    Incomplete(PathBuf, &'static str),
    /// `CUDA_PATH` is not set, and no usual place has them.
    Nowhere,
}

impl Driver {
    /// `570.86.15 (CUDA 12.8)`
    pub fn named(&self) -> String {
        match &self.release {
            Some(release) => format!("{release} (CUDA {})", self.cuda),
            None => format!("of CUDA {}", self.cuda),
        }
    }
}

impl Gpu {
    /// `Tesla T4 (compute capability 7.5, 14.6 GiB)`
    fn described(&self) -> String {
        let gibibytes = self.memory as f64 / f64::from(1 << 30);
        format!("{} (compute capability {}, {gibibytes:.1} GiB)", self.name, self.capability)
    }
}

impl Facts {
    /// The lowest compute capability of the GPUs of these numbers.
    pub fn least(&self, numbers: &[usize]) -> Version {
        let capabilities = numbers.iter().filter_map(|&number| Some(self.gpus.get(number)?.capability));
        capabilities.min().unwrap_or(Version(0, 0))
    }

    /// One line on the GPUs of these numbers and the libraries they are used with.
    pub fn sentence(&self, numbers: &[usize]) -> String {
        let mut groups: Vec<(String, Vec<String>)> = Vec::new();
        for &number in numbers {
            let Some(gpu) = self.gpus.get(number) else { continue };
            let (described, number) = (gpu.described(), number.to_string());
            match groups.last_mut().filter(|(last, _)| *last == described) {
                Some((_, numbers)) => numbers.push(number),
                None => groups.push((described, vec![number])),
            }
        }
        let groups: Vec<String> = groups
            .iter()
            .map(|(described, numbers)| match numbers.len() {
                1 => format!("GPU {}: {described}", numbers[0]),
                count => format!("GPUs {}: {count} x {described}", numbers.join(", ")),
            })
            .collect();
        let driver = self.driver.as_ref().map_or("none".to_owned(), Driver::named);
        let nvrtc = self.nvrtc.as_ref().map_or("none".to_owned(), |nvrtc| nvrtc.version.to_string());
        let nccl = self.nccl.as_deref().unwrap_or("none");
        format!("{}; driver {driver}, NVRTC {nvrtc}, NCCL {nccl}", groups.join("; "))
    }
}
