//! `brazier serve`: an artifact behind `/ping` and `/invocations`, or many behind `/models`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use brazier_model::native;
use brazier_sagemaker::environment::{self, Environment, EnvironmentError};
use brazier_sagemaker::paths::Paths;
use brazier_serve::log::Format;
use brazier_serve::{Configuration, Engine, Hosted, Limits, Models, Predictor, memory, run as serve};
use clap::{Arg, ArgMatches, Command, value_parser};

use crate::{allocator, device, privileges};

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
    privileges::give_up(Some(port));
    let host = arguments.get_one::<IpAddr>("host").copied().unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let mut configuration = configuration(&environment)?;
    let log = configuration.log;
    let device = device::told(arguments)?.devices.swap_remove(0);
    memory::given_back_by(allocator::give_back);
    files_for(&mut configuration);
    let factors = factors(&environment, log)?;
    let memory = environment.model_memory()?.unwrap_or_else(|| memory::available() / 2);
    let hosted = match environment.multi_model()? {
        true => hosted_by(move || Models::new(device, factors, memory).into()),
        false => {
            hosted_by(move || Engine::start(move || Predictor::load_in(&model, &device, factors)).into())
        }
    };
    serve(hosted, SocketAddr::new(host, port), configuration, |address| {
        log.say(&format!("listening on http://{address}"));
    })?;
    Ok(())
}

/// What convolutions multiply.
fn factors<L: Fn(&str) -> Option<String>>(
    environment: &Environment<L>,
    log: Format,
) -> Result<native::Format, EnvironmentError> {
    if !environment.multiplies_bfloat16()? {
        return Ok(native::Format::Float32);
    }
    if !native::has_fast_bfloat16() {
        log.say("BRAZIER_COMPUTE_DTYPE=bfloat16: this processor multiplies float32 faster");
    }
    Ok(native::Format::Bfloat16)
}

/// Files that are open beside connections: libraries, the models that are read, pipes.
const OTHER_FILES: u64 = 128;

/// Lets the process open as many files as it is allowed to, since each connection is one, and takes no more connections
/// than fit.
fn files_for(configuration: &mut Configuration) {
    let wanted = configuration.limits.connections as u64 + OTHER_FILES;
    // A system that does not tell has its usual limit.
    let allowed = rlimit::increase_nofile_limit(wanted).unwrap_or(1024);
    if allowed < wanted {
        let fits = allowed.saturating_sub(OTHER_FILES).max(1);
        let asked = configuration.limits.connections;
        configuration.limits.connections = fits as usize;
        let told = format!("{fits} connections at most, not {asked}: the process may open {allowed} files");
        configuration.log.say(&told);
    }
}

/// What makes the models once the port is open.
fn hosted_by(make: impl FnOnce() -> Hosted + 'static) -> Box<dyn FnOnce() -> Hosted> {
    Box::new(make)
}

fn configuration<L: Fn(&str) -> Option<String>>(
    environment: &Environment<L>,
) -> Result<Configuration, EnvironmentError> {
    let usual = Limits::default();
    let limits = Limits {
        waiting: environment.max_waiting()?.unwrap_or(usual.waiting),
        connections: environment.max_connections()?.unwrap_or(usual.connections),
        deadline: environment.deadline()?.unwrap_or(usual.deadline),
        idle: environment.idle()?.unwrap_or(usual.idle),
        ..usual
    };
    Ok(Configuration {
        max_body: environment.max_payload()?,
        batch: environment.batch()?,
        default_accept: environment.default_accept(),
        echo_attributes: environment.echo_attributes()?,
        page: environment.page()?,
        log: if environment.json_log()? { Format::Json } else { Format::Text },
        limits,
        ..Configuration::default()
    })
}
