//! Several hosts, which the replaced algorithm takes and this version does not yet: refused, never silently ignored.

use brazier_sagemaker::resources::Resources;

use crate::fault::client;

/// Refuses hosts that would not train together.
///
/// # Errors
/// How many there are.
pub fn hosts(resources: &Resources) -> anyhow::Result<()> {
    match resources.world() {
        0 | 1 => Ok(()),
        hosts => Err(client(format!(
            "{hosts} hosts: training on several hosts is not available in this version, expected instance_count=1"
        ))),
    }
}
