//! Names, interfaces, listeners and calls.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::CollectiveError;

/// The network interfaces of this host that have an address.
pub fn interfaces() -> Vec<String> {
    let mut names: Vec<_> =
        if_addrs::get_if_addrs().unwrap_or_default().into_iter().map(|found| found.name).collect();
    names.sort();
    names.dedup();
    names
}

/// The address that an interface has, or the address itself; IPv4 before IPv6.
pub fn of_interface(interface: &str) -> Result<IpAddr, CollectiveError> {
    if let Ok(address) = interface.parse() {
        return Ok(address);
    }
    let found = if_addrs::get_if_addrs()
        .map_err(|error| CollectiveError::Join(format!("the network interfaces cannot be read: {error}")))?;
    let mut addresses: Vec<_> =
        found.iter().filter(|found| found.name == interface).map(if_addrs::Interface::ip).collect();
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.first().copied().ok_or_else(|| {
        let known = interfaces().join(", ");
        CollectiveError::Join(format!(
            "there is no network interface `{interface}` with an address, only {known}"
        ))
    })
}

/// `name:port`, taken apart; an IPv6 address may stand in brackets.
pub fn split(master: &str) -> Result<(&str, u16), CollectiveError> {
    let wrong =
        || CollectiveError::Join(format!("the address of rank 0 is `{master}`, it must be `name:port`"));
    let (name, port) = master.rsplit_once(':').ok_or_else(wrong)?;
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    if name.is_empty() {
        return Err(wrong());
    }
    Ok((name, port.parse().map_err(|_| wrong())?))
}

/// What a name means at this moment.
pub fn resolve(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((name, port).to_socket_addrs()?.collect())
}

/// Listens on an address, or on all there are, of both IP versions where the system has them. Port 0: any.
pub fn listen(address: Option<IpAddr>, port: u16) -> Result<TcpListener, CollectiveError> {
    let listener = match address {
        Some(address) => listen_on(address, port),
        None => listen_on(Ipv6Addr::UNSPECIFIED.into(), port).or_else(|error| match error.kind() {
            io::ErrorKind::AddrInUse => Err(error),
            _ => listen_on(Ipv4Addr::UNSPECIFIED.into(), port),
        }),
    };
    let place = address.map_or_else(String::new, |address| format!(" of {address}"));
    listener.map_err(|error| CollectiveError::Join(format!("cannot listen on port {port}{place}: {error}")))
}

fn listen_on(address: IpAddr, port: u16) -> io::Result<TcpListener> {
    let address = SocketAddr::new(address, port);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    // A job that starts again must not wait until the connections of the last one are forgotten.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

/// Connects, from a certain address of ours if that is given.
pub fn connect(from: Option<IpAddr>, to: SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    if let Some(from) = from.filter(|from| from.is_ipv4() == to.is_ipv4()) {
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    socket.connect_timeout(&to.into(), limit)?;
    let stream: TcpStream = socket.into();
    // Linux lets a socket meet itself when it calls a free port of its own host and is given that very port.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_rank_0() {
        assert_eq!(split("algo-1:7777").unwrap(), ("algo-1", 7777));
        assert_eq!(split("[::1]:80").unwrap(), ("::1", 80));
        assert_eq!(split("fe80::2:80").unwrap(), ("fe80::2", 80));
        for wrong in ["algo-1", ":7", "algo-1:", "algo-1:99999", ""] {
            let error = split(wrong).unwrap_err().to_string();
            assert!(error.contains(&format!("`{wrong}`, it must be `name:port`")), "{error}");
        }
    }

    #[test]
    fn an_interface_has_an_address_or_is_refused() {
        assert!(of_interface("lo").unwrap().is_loopback());
        assert_eq!(of_interface("127.0.0.1").unwrap(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        let error = of_interface("ethwe").unwrap_err().to_string();
        assert!(error.contains("no network interface `ethwe`") && error.contains("lo"), "{error}");
    }
}
