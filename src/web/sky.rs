//! The drawn signs: constellation and eclipse. All of them decorate, so screen readers pass them by.

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
