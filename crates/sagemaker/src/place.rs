//! Our place among the ranks of a job: the platform's hosts, or what launchers of other programs put into the environment.

use std::num::NonZero;
use std::str::FromStr;

use crate::environment::{Environment, EnvironmentError, MASTER_ADDR, MASTER_PORT, RANK, WORLD_SIZE};
use crate::resources::Resources;

/// Where rank 0 waits for the others unless told otherwise. The platform lets hosts use any port above 1023 among themselves.
const PORT: u16 = 7860;

/// Our place among the ranks of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which we are, from 0.
    pub rank: usize,
    /// How many there are.
    pub world: usize,
    /// Our host; a launcher does not tell it.
    pub host: String,
    /// The host of each rank, where they are known.
    pub hosts: Vec<String>,
    /// `name:port` of rank 0.
    pub master: String,
}

impl Place {
    /// The only rank.
    fn alone() -> Self {
        Place { rank: 0, world: 1, host: String::new(), hosts: Vec::new(), master: String::new() }
    }

    /// A rank on each host of the job. Without others the environment's ranks, if it tells any: then the image runs under a launcher of
    /// its own.
    ///
    /// # Errors
    /// A variable that is missing beside others, or no number.
    pub fn find<L: Fn(&str) -> Option<String>>(
        resources: &Resources,
        environment: &Environment<L>,
    ) -> Result<Self, EnvironmentError> {
        if resources.world() <= 1 {
            return Ok(environment.place()?.unwrap_or_else(Place::alone));
        }
        let port = environment.master_port()?;
        let hosts = resources.hosts.clone();
        let (host, master) = (hosts[resources.rank].clone(), format!("{}:{port}", hosts[0]));
        Ok(Place { rank: resources.rank, world: resources.world(), host, hosts, master })
    }
}

impl<L: Fn(&str) -> Option<String>> Environment<L> {
    fn parsed<N: FromStr>(&self, name: &'static str, expected: &str) -> Result<Option<N>, EnvironmentError> {
        let wrong = |value: String| EnvironmentError { name, value, expected: expected.to_owned() };
        self.get(name).map(|value| value.parse().map_err(|_| wrong(value))).transpose()
    }

    fn master_port(&self) -> Result<u16, EnvironmentError> {
        let port = self.parsed::<NonZero<u16>>(MASTER_PORT, "a port between 1 and 65535")?;
        Ok(port.map_or(PORT, NonZero::get))
    }

    fn place(&self) -> Result<Option<Place>, EnvironmentError> {
        let Some(world) =
            self.parsed::<usize>(WORLD_SIZE, "a number of processes")?.filter(|&world| world > 1)
        else {
            return Ok(None);
        };
        let port = self.master_port()?;
        let missing = |name, expected: &str| EnvironmentError {
            name,
            value: String::new(),
            expected: expected.to_owned(),
        };
        let below = "a number below WORLD_SIZE";
        let rank: usize = self.parsed(RANK, below)?.ok_or_else(|| missing(RANK, below))?;
        if rank >= world {
            return Err(EnvironmentError { name: RANK, value: rank.to_string(), expected: below.to_owned() });
        }
        let master = self.get(MASTER_ADDR).ok_or_else(|| missing(MASTER_ADDR, "the address of rank 0"))?;
        // An IPv6 address has colons of its own.
        let master =
            if master.contains(':') { format!("[{master}]:{port}") } else { format!("{master}:{port}") };
        Ok(Some(Place { rank, world, host: String::new(), hosts: Vec::new(), master }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(hosts: &[&str], rank: usize, variables: &[(&str, &str)]) -> Result<Place, EnvironmentError> {
        let hosts = hosts.iter().map(ToString::to_string).collect();
        let resources = Resources { hosts, rank, ..Resources::local() };
        let lookup =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Place::find(&resources, &Environment::new(lookup))
    }

    #[test]
    fn a_host_is_a_rank_and_the_first_is_the_master() {
        let place = found(&["algo-1", "algo-2"], 1, &[("WORLD_SIZE", "8"), ("RANK", "3")]).unwrap();
        assert_eq!((place.rank, place.world, place.master.as_str()), (1, 2, "algo-1:7860"));
        assert_eq!(place.host, "algo-2");
    }

    #[test]
    fn a_launcher_s_variables_count_where_there_is_one_host() {
        let all = [("WORLD_SIZE", "4"), ("RANK", "3"), ("MASTER_ADDR", "::1"), ("MASTER_PORT", "99")];
        let place = found(&["localhost"], 0, &all).unwrap();
        assert_eq!((place.rank, place.world, place.master.as_str()), (3, 4, "[::1]:99"));
        // What Kubernetes sets for a service of that name is nothing to a job of one.
        let one = found(&["localhost"], 0, &[("WORLD_SIZE", "1"), ("MASTER_PORT", "tcp://10.0.0.1:80")]);
        assert_eq!(one.unwrap().world, 1);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let message = |variables: &[(&str, &str)]| found(&["a"], 0, variables).unwrap_err().to_string();
        let missing = message(&[("WORLD_SIZE", "2"), ("RANK", "1")]);
        assert!(missing.contains("MASTER_ADDR is ''"), "{missing}");
        let beyond = message(&[("WORLD_SIZE", "2"), ("RANK", "2"), ("MASTER_ADDR", "a")]);
        assert!(beyond.contains("RANK is '2', expected a number below WORLD_SIZE"), "{beyond}");
        let zero = message(&[("WORLD_SIZE", "2"), ("MASTER_PORT", "0")]);
        assert!(zero.contains("MASTER_PORT is '0', expected a port"), "{zero}");
        assert!(message(&[("WORLD_SIZE", "two")]).contains("WORLD_SIZE is 'two'"));
    }
}
