//! `serve` and `healthcheck`: the server, and the question whether it lives.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use umbrachat::app;
use umbrachat::config::Config;
use umbrachat::state::Clock;

use crate::start::{Needs, StartError, Started, on_database, say};

/// How long `healthcheck` waits for an answer.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs the server until it is asked to end.
pub fn serve(config: Config) -> Result<(), StartError> {
    // Before anything else starts: whether the port is free is known at once.
    let listener = listen(config.listen)?;
    on_database(config, Needs::Everything, async move |started: Started| {
        let Started {
            config,
            pool,
            database,
            shutdown,
        } = started;
        let address = match &config.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{}", from_here(listener.local_addr().unwrap_or(config.listen))),
        };
        let ready = move |ready: app::Ready| {
            // Nobody may read standard output; that is no reason to end.
            let _ = say(format_args!(
                "UmbraChat is ready: {address} ({database}; bus: {})",
                ready.bus
            ));
            if let Some(code) = ready.setup_code {
                let _ = say(format_args!(
                    "Make the first administrator here: {address}/setup?code={code}"
                ));
            }
        };
        Ok(app::serve(config, pool, Clock::default(), listener, shutdown, ready).await?)
    })
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map_err(|error| {
        StartError(format!(
            "LISTEN cannot be used: {address}: {error}; example: LISTEN=127.0.0.1:8001"
        ))
    })
}

/// How a server that listens on `address` is reached on the same machine: one that listens everywhere, at home.
fn from_here(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// Asks the server at `LISTEN` for `/healthz`.
pub fn healthcheck(config: &Config) -> Result<(), StartError> {
    let address = from_here(config.listen);
    let answer = TcpStream::connect_timeout(&address, HEALTH_TIMEOUT).and_then(|mut stream| {
        stream.set_read_timeout(Some(HEALTH_TIMEOUT))?;
        write!(
            stream,
            "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status)
    });
    match answer {
        Ok(status) if &status == b"HTTP/1.1 200" => Ok(()),
        Ok(status) => Err(StartError(format!(
            "{address} answers {}",
            String::from_utf8_lossy(&status)
        ))),
        Err(error) => Err(StartError(format!("{address} does not answer: {error}"))),
    }
}
