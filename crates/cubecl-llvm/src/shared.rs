//! What the targets have in common.

/// Features of a device that LLVM cannot use yet.
pub mod lowered_features {
    use cubecl_core::ir::DeviceProperties;

    /// A GPU's make.
    pub enum GpuTarget {
        /// NVIDIA.
        Nvptx,
    }

    /// Would take from `_properties` what LLVM cannot use; called for LLVM alone.
    pub fn restrict_features(_properties: &mut DeviceProperties, _target: GpuTarget) {}
}
