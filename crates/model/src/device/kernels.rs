//! Compiled kernels, and which of them autotune found to be the fastest, kept so that a restart need not find them again.

use std::path::Path;

use cubecl::config::cache::CacheConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};

/// Keeps them in a folder `kernels` of `folder`: what fits this program and this GPU is taken from there. To be called before anything is
/// computed on a GPU; later it has no effect.
pub fn keep(folder: &Path) {
    let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
    config.environment.path = CacheConfig::Directory(folder.join("kernels"));
    config.compilation.cache = true;
    CubeClRuntimeConfig::try_set(config);
}
