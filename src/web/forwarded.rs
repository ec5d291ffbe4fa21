//! Where a request comes from. `X-Forwarded-For` counts only as far as configured proxies wrote it: anybody can
//! send that header.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use poem::http::{HeaderMap, header};
use poem::web::Data;
use poem::{FromRequest, Request, RequestBody};

use crate::App;

/// Where a request comes from, and what sent it.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its address, as far as it can be trusted.
    pub address: IpAddr,
    /// What it calls itself.
    pub device: String,
}

impl<'a> FromRequest<'a> for Client {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let app = Data::<&App>::from_request(request, body).await?;
        let device = request.header(header::USER_AGENT).unwrap_or_default().to_owned();
        Ok(Self {
            address: client_address(request, &app.config.trusted_proxies),
            device,
        })
    }
}

/// The address of the client: the connection's own, or, where that is a trusted proxy, the rightmost address of
/// `X-Forwarded-For` that is not a trusted proxy too.
pub fn client_address(request: &Request, trusted: &[IpNet]) -> IpAddr {
    let peer = request
        .remote_addr()
        .as_socket_addr()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip().to_canonical());
    behind_proxies(peer, request.headers(), trusted)
}

fn behind_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let listed: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("").split(','))
        .collect();
    let mut client = peer;
    for text in listed.iter().rev() {
        if !is_trusted(client) {
            break;
        }
        // What is no address ends the chain: the last hop that could be read stands for the client.
        let Some(address) = parse(text.trim()) else { break };
        client = address;
    }
    client
}

/// An address, with or without a port, as proxies write it.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .map_or(text, |(inner, _)| inner);
    bare.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()))
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    fn client(peer: &str, forwarded: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_static(value));
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "2001:db8::1/128".parse().unwrap()];
        behind_proxies(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_stranger_cannot_forge_an_address() {
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
    }

    #[test]
    fn the_rightmost_untrusted_address_behind_proxies_counts() {
        assert_eq!(client("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(
            client("10.0.0.1", &["203.0.113.9, 198.51.100.7, 10.0.0.2"]),
            "198.51.100.7"
        );
        assert_eq!(client("10.0.0.1", &["203.0.113.9", "198.51.100.7:443"]), "198.51.100.7");
        assert_eq!(client("2001:db8::1", &["[2001:db8::7]:1"]), "2001:db8::7");
    }

    #[test]
    fn what_is_no_address_ends_the_chain() {
        assert_eq!(client("10.0.0.1", &["198.51.100.7, <script>"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }
}
