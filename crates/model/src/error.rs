//! What can be wrong with a network or a model folder.

use crate::architecture::Architecture;

/// A network that cannot be built, or a saved model that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A depth outside both families.
    #[error("num_layers is {found}, expected one of 18, 34, 50, 101, 152, 200, 20, 32, 44, 56, 110")]
    Depth {
        /// The depth asked for.
        found: u32,
    },
    /// A depth that there is, but not in that version.
    #[error("resnet_version {architecture} has the depths {}, num_layers is {found}", list(architecture.depths()))]
    VersionDepth {
        /// The version asked for.
        architecture: Architecture,
        /// The depth asked for.
        found: usize,
    },
    /// An image without channels or extent.
    #[error("image_shape is {channels},{height},{width}, expected positive channels, height and width")]
    ImageShape {
        /// Channels asked for.
        channels: usize,
        /// Rows asked for.
        height: usize,
        /// Columns asked for.
        width: usize,
    },
    /// Fewer classes than a choice needs.
    #[error("num_classes is {found}, expected at least 2")]
    Classes {
        /// Classes asked for.
        found: usize,
    },
    /// A model folder or archive without one of its files.
    #[error("the model has no {expected}; it holds {found}")]
    MissingFile {
        /// The file looked for.
        expected: &'static str,
        /// The names that are there.
        found: String,
    },
    /// A model file that is not what its name says.
    #[error("{file}: {reason}")]
    File {
        /// The file's name.
        file: String,
        /// What was found and what was expected.
        reason: String,
    },
    /// A parameter the network needs and the file lacks.
    #[error("{file} has no array '{name}', which the network needs with shape {expected:?}")]
    MissingParameter {
        /// The parameter file's name.
        file: String,
        /// The array's name, with its `arg:` or `aux:`.
        name: String,
        /// The shape the network has.
        expected: Vec<usize>,
    },
    /// A parameter of another shape.
    #[error("{file}: array '{name}' has shape {found:?}, the network needs {expected:?}")]
    ParameterShape {
        /// The parameter file's name.
        file: String,
        /// The array's name, with its `arg:` or `aux:`.
        name: String,
        /// The shape in the file.
        found: Vec<usize>,
        /// The shape the network has.
        expected: Vec<usize>,
    },
    /// A model that cannot be turned into bytes: a defect of this program.
    #[error("{file} cannot be written: {reason}")]
    Encode {
        /// The file's name.
        file: &'static str,
        /// What went wrong.
        reason: String,
    },
    /// A graph that is not a ResNet of this family.
    #[error("the graph is not a ResNet this program knows: {reason}")]
    Graph {
        /// What was found and what was expected.
        reason: String,
    },
}

fn list(depths: &[u32]) -> String {
    depths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
