//! Hyperparameters that are one word out of a few.

use std::fmt;

/// Declares an enum with the words that users write for its variants.
macro_rules! choice {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// The words users write, in the order of the documentation.
            pub const NAMES: &'static [&'static str] = &[$($text),+];

            /// The word for this variant.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The variant for one of [`Self::NAMES`], letter case aside.
            pub fn from_name(name: &str) -> Option<Self> {
                $(if name.eq_ignore_ascii_case($text) { return Some(Self::$variant); })+
                None
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
    };
}

choice! {
    /// Update rule of the weights.
    Optimizer {
        /// Stochastic gradient descent with momentum.
        Sgd = "sgd",
        /// Adam, with `beta_1`, `beta_2` and `eps`.
        Adam = "adam",
        /// RMSProp without centring, with `gamma` and `eps`.
        Rmsprop = "rmsprop",
        /// Nesterov's accelerated gradient, with `momentum`.
        Nag = "nag",
    }
}

choice! {
    /// Number format in which gradients travel between hosts.
    GradientFormat {
        /// Four bytes, exact.
        Float32 = "float32",
        /// Half the traffic; each hop rounds to 11 bits.
        Float16 = "float16",
    }
}

choice! {
    /// How the learning rate falls.
    LearningRateSchedule {
        /// At the epochs of `lr_scheduler_step`.
        Step = "step",
        /// As half a cosine, to nothing at the end.
        Cosine = "cosine",
    }
}

choice! {
    /// Whose ResNet is trained.
    ResnetVersion {
        /// MXNet's, which normalises before it convolves.
        V2 = "2",
        /// torchvision's, which normalises after it.
        V15 = "1.5",
    }
}

choice! {
    /// What a damaged sample does.
    DamagedSamples {
        /// It ends the job.
        Fail = "fail",
        /// It is left out and counted.
        Skip = "skip",
    }
}

choice! {
    /// Random changes to training images; each includes the one before.
    Augmentation {
        /// Random crop and horizontal flip.
        Crop = "crop",
        /// And random offsets of hue, saturation and lightness.
        CropColor = "crop_color",
        /// And rotation, shear and aspect ratio.
        CropColorTransform = "crop_color_transform",
    }
}

choice! {
    /// Number format of the weights while training.
    Precision {
        /// Single precision.
        Float32 = "float32",
        /// Half precision, with a single-precision master copy.
        Float16 = "float16",
    }
}

choice! {
    /// Number format of the convolutions while training.
    ComputeDtype {
        /// What `precision_dtype` and the device suggest.
        Auto = "auto",
        /// Single precision.
        Float32 = "float32",
        /// 8 bits of precision and the range of float32.
        Bfloat16 = "bfloat16",
        /// Half precision, with a scaled loss.
        Float16 = "float16",
    }
}

choice! {
    /// The first parts of the network that do not learn.
    Freeze {
        /// All of it learns.
        None = "none",
        /// What stands before the stages.
        Stem = "stem",
        /// Up to the first stage.
        Stage1 = "stage1",
        /// Up to the second stage.
        Stage2 = "stage2",
        /// Up to the third stage.
        Stage3 = "stage3",
        /// Up to the fourth stage.
        Stage4 = "stage4",
        /// All but the last layer.
        Body = "body",
    }
}

choice! {
    /// How several hosts combine their gradients.
    KvStore {
        /// Every step waits for the gradients of all hosts.
        DistSync = "dist_sync",
        /// Each host's gradient is applied as it arrives.
        DistAsync = "dist_async",
    }
}
