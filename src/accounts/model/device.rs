//! Which browser on which system a log-in is: as much of it as somebody needs to recognise their own.

use woothee::parser::Parser;

/// A browser as people know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// For example "Firefox on Linux"; without versions, because browsers do not tell the true ones any more.
    pub name: String,
    /// Whether it is held in a hand.
    pub is_mobile: bool,
}

impl Device {
    /// What calls itself so (a `User-Agent`).
    pub fn of(user_agent: &str) -> Self {
        let known = |name: &str| name != woothee::woothee::VALUE_UNKNOWN;
        let parsed = Parser::new().parse(user_agent);
        let browser = parsed.as_ref().map(|found| found.name).filter(|name| known(name));
        let system = parsed.as_ref().map(|found| system(found.os)).filter(|name| known(name));
        let name = match (browser, system) {
            (Some(browser), Some(system)) => format!("{browser} on {system}"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => "Unknown browser".to_owned(),
        };
        Self {
            name,
            is_mobile: parsed.is_some_and(|found| matches!(found.category, "smartphone" | "mobilephone")),
        }
    }
}

/// The system by its family's name.
fn system(name: &str) -> &str {
    if name.starts_with("Windows") && !name.contains("Phone") {
        "Windows"
    } else if name.starts_with("Mac") {
        "macOS"
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_known_by_their_names() {
        for (user_agent, name, is_mobile) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
                "Firefox on Linux",
                false,
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
                "Chrome on Windows",
                false,
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
                "Edge on Windows",
                false,
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
                "Safari on macOS",
                false,
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
                true,
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
                true,
            ),
            ("<script>alert(1)</script>", "Unknown browser", false),
            ("", "Unknown browser", false),
        ] {
            let device = Device::of(user_agent);
            assert_eq!(
                (device.name.as_str(), device.is_mobile),
                (name, is_mobile),
                "{user_agent}"
            );
        }
    }
}
