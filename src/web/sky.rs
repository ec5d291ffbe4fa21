//! The drawn signs: constellation, eclipse, moon. All of them decorate, so screen readers pass them by.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

/// Seven stars and the lines between them.
pub fn constellation() -> Markup {
    const STARS: [(u8, u8, &str); 7] = [
        (18, 88, "2.6"),
        (56, 56, "2.2"),
        (96, 68, "4.5"),
        (130, 32, "2.2"),
        (178, 14, "3.2"),
        (134, 98, "2.2"),
        (184, 84, "2.8"),
    ];
    html! {
        svg class="mb-6 h-30 w-47.5 text-accent" viewBox="0 0 200 120" fill="currentColor" aria-hidden="true" {
            g fill="none" stroke="currentColor" stroke-opacity=".42" stroke-width="1" stroke-dasharray="2.5 4" {
                path d="M18 88 56 56 96 68 130 32 178 14M96 68 134 98 184 84" {}
            }
            circle cx="96" cy="68" r="14" fill-opacity=".16" {}
            @for (x, y, r) in STARS { circle cx=(x) cy=(y) r=(r) {} }
        }
    }
}

/// The annular eclipse of the word mark, 22 px.
pub fn eclipse_small() -> Markup {
    html! { span.eclipse-small aria-hidden="true" {} }
}

/// The large eclipse of the error pages, with its corona and the diamond at its edge.
pub fn eclipse() -> Markup {
    // Falls off as light does, so that no edge shows where it ends.
    const CORONA: [(&str, &str); 8] = [
        (".49", ".75"),
        (".53", ".46"),
        (".58", ".27"),
        (".65", ".145"),
        (".74", ".066"),
        (".84", ".025"),
        (".93", ".006"),
        ("1", "0"),
    ];
    html! {
        svg class="size-75 overflow-visible" viewBox="0 0 300 300" fill="none" aria-hidden="true" {
            defs {
                radialGradient id="eclipse-corona" {
                    @for (offset, opacity) in CORONA { stop stop-color="var(--corona)" offset=(offset) stop-opacity=(opacity) {} }
                }
                radialGradient id="eclipse-diamond" {
                    stop stop-color="var(--diamond)" offset="0" {}
                    stop stop-color="var(--diamond)" offset=".16" stop-opacity=".85" {}
                    stop stop-color="var(--diamond)" offset=".4" stop-opacity=".22" {}
                    stop stop-color="var(--diamond)" offset="1" stop-opacity="0" {}
                }
                linearGradient id="eclipse-limb" x1=".1" y1=".95" x2=".85" y2=".1" {
                    stop stop-color="var(--limb-far)" offset="0" {}
                    stop stop-color="var(--limb-near)" offset="1" {}
                }
                linearGradient id="eclipse-ray" {
                    stop stop-color="var(--diamond)" offset="0" stop-opacity="0" {}
                    stop stop-color="var(--diamond)" offset=".5" stop-opacity=".8" {}
                    stop stop-color="var(--diamond)" offset="1" stop-opacity="0" {}
                }
            }
            circle cx="150" cy="150" r="150" fill="url(#eclipse-corona)" {}
            circle cx="150" cy="150" r="75" fill="var(--disc)" {}
            circle cx="150" cy="150" r="75" stroke="url(#eclipse-limb)" stroke-width="2.2" {}
            ellipse cx="203" cy="97" rx="52" ry=".8" fill="url(#eclipse-ray)" {}
            circle cx="203" cy="97" r="36" fill="url(#eclipse-diamond)" {}
            circle cx="203" cy="97" r="5" fill="#fff" {}
        }
    }
}

/// The moon in one of eight phases (0 new, 2 first quarter, 4 full, 6 last quarter), 14 px and decorative.
pub fn moon(phase: u8) -> Markup {
    // The lit limb is half a circle, the edge of the shadow half an ellipse: 6 · cos 45° = 4.24 wide at the crescents.
    let lit = match phase % 8 {
        0 => "",
        1 => "M7 1a6 6 0 0 1 0 12a4.24 6 0 0 0 0-12Z",
        2 => "M7 1a6 6 0 0 1 0 12Z",
        3 => "M7 1a6 6 0 0 1 0 12a4.24 6 0 0 1 0-12Z",
        4 => "M7 1a6 6 0 0 1 0 12a6 6 0 0 1 0-12Z",
        5 => "M7 13a6 6 0 0 1 0-12a4.24 6 0 0 1 0 12Z",
        6 => "M7 13a6 6 0 0 1 0-12Z",
        _ => "M7 13a6 6 0 0 1 0-12a4.24 6 0 0 0 0 12Z",
    };
    html! {
        svg.moon viewBox="0 0 14 14" width="14" height="14" fill="none" aria-hidden="true" {
            circle cx="7" cy="7" r="6" fill="currentColor" fill-opacity=".1" stroke="currentColor" stroke-opacity=".55" {}
            path fill="currentColor" d=(lit) {}
        }
    }
}

/// The phase of the moon at that moment, 0–7 as [`moon`] draws it, from the mean synodic month (29.530588853 days)
/// and the new moon of 6 January 2000, 18:14 UTC; right to about half a day.
pub fn moon_phase(at: &DateTime<Utc>) -> u8 {
    const NEW_MOON: i64 = 947_182_440;
    const MONTH: i64 = 2_551_443; // seconds
    let age = (at.timestamp() - NEW_MOON).rem_euclid(MONTH);
    // Rounded to the nearest eighth: a new moon lasts from a sixteenth before it to a sixteenth after.
    u8::try_from((age * 16 + MONTH) / (MONTH * 2) % 8).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moon_follows_the_almanac() {
        for (day, phase) in [
            ("2000-01-06T18:14:00Z", 0),
            ("2024-04-08T18:20:00Z", 0),
            ("2025-03-14T06:55:00Z", 4),
            ("2025-09-07T18:09:00Z", 4),
            ("2025-09-14T10:33:00Z", 6),
            ("2025-11-28T06:59:00Z", 2),
            ("1999-08-11T11:08:00Z", 0),
        ] {
            let at: DateTime<Utc> = day.parse().expect("a date");
            assert_eq!(moon_phase(&at), phase, "{day}");
        }
    }
}
