//! What a person asks for: `auto`, `cpu`, `cuda`, `cuda:1`, `ndarray`.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// Where to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// All GPUs that can be used, the processor where there is none.
    #[default]
    Auto,
    /// The processor, with burn's engine flex.
    Cpu,
    /// All GPUs that can be used, or the one of this number.
    Cuda(Option<usize>),
    /// The processor, with burn's older engine, which is there to compare flex with.
    Ndarray,
}

/// A word that is no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the device is '{found}', expected auto, cpu, cuda, cuda:0 (a GPU's number) or ndarray")]
pub struct UnknownDevice {
    /// The word.
    pub found: String,
}

impl FromStr for Choice {
    type Err = UnknownDevice;

    fn from_str(text: &str) -> Result<Self, UnknownDevice> {
        let unknown = || UnknownDevice { found: text.to_owned() };
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Choice::Auto),
            "cpu" => Ok(Choice::Cpu),
            "cuda" => Ok(Choice::Cuda(None)),
            "ndarray" => Ok(Choice::Ndarray),
            other => {
                let number = other.strip_prefix("cuda:").ok_or_else(unknown)?;
                // `parse` would take a sign.
                let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
                let index = number.parse().ok().filter(|_| is_number).ok_or_else(unknown)?;
                Ok(Choice::Cuda(Some(index)))
            }
        }
    }
}

impl Display for Choice {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Choice::Auto => formatter.write_str("auto"),
            Choice::Cpu => formatter.write_str("cpu"),
            Choice::Cuda(None) => formatter.write_str("cuda"),
            Choice::Cuda(Some(index)) => write!(formatter, "cuda:{index}"),
            Choice::Ndarray => formatter.write_str("ndarray"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_reads_what_it_writes() {
        let indexed = [Choice::Cuda(Some(0)), Choice::Cuda(Some(15))];
        for choice in
            [Choice::Auto, Choice::Cpu, Choice::Cuda(None), Choice::Ndarray].into_iter().chain(indexed)
        {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert_eq!("CUDA:1".parse(), Ok(Choice::Cuda(Some(1))));
    }

    #[test]
    fn other_words_are_refused_by_name() {
        for word in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:+1", "cuda1", "cuda:99999999999999999999"]
        {
            let error = word.parse::<Choice>().unwrap_err().to_string();
            assert!(error.contains(&format!("'{word}'")) && error.contains("cuda:0"), "{error}");
        }
    }
}
