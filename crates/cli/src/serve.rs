//! `brazier serve`: an artifact behind `/ping` and `/invocations`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use brazier_sagemaker::environment;
use brazier_sagemaker::paths::Paths;
use brazier_serve::{Configuration, run as serve};
use clap::{Arg, ArgMatches, Command, value_parser};

use crate::device;

/// The command line of `serve`.
pub fn command() -> Command {
    Command::new("serve")
        .about("Serve a model over HTTP: GET /ping, POST /invocations")
        .arg(
            Arg::new("model")
                .long("model")
                .value_name("PATH")
                .value_parser(value_parser!(PathBuf))
                .help("Model folder or model.tar.gz [default: /opt/ml/model]"),
        )
        .arg(
            Arg::new("port")
                .long("port")
                .value_name("PORT")
                .value_parser(value_parser!(u16))
                .help("Port [default: SAGEMAKER_BIND_TO_PORT, or 8080; 0 takes a free one]"),
        )
        .arg(
            Arg::new("host")
                .long("host")
                .value_name("ADDRESS")
                .value_parser(value_parser!(IpAddr))
                .help("Address to listen on [default: 0.0.0.0]"),
        )
        .arg(device::flag())
}

/// Serves until SIGTERM.
pub fn run(arguments: &ArgMatches) -> anyhow::Result<()> {
    let environment = environment::process();
    let model = arguments.get_one::<PathBuf>("model").cloned();
    let model = model.unwrap_or_else(|| Paths::new(&environment.base_directory()).model());
    let port = arguments.get_one::<u16>("port").copied();
    let port = port.map_or_else(|| environment.port(), Ok)?;
    let host = arguments.get_one::<IpAddr>("host").copied().unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let configuration = Configuration {
        max_body: environment.max_payload()?,
        batch: environment.batch(),
        default_accept: environment.default_accept(),
        ..Configuration::default()
    };
    let device = device::told(arguments)?.devices.swap_remove(0);
    serve(model, device, SocketAddr::new(host, port), configuration, |address| {
        eprintln!("brazier: listening on http://{address}");
    })?;
    Ok(())
}
