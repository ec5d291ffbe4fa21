//! The looks to choose from.

use maud::{Markup, html};

use super::heading;
use crate::web::components::{THEMES, csrf_field};
use crate::web::icons::icon;
use crate::web::{Ctx, Theme};

/// The section, in which `theme` is chosen.
pub fn appearance(ctx: &Ctx, theme: Theme) -> Markup {
    let explained = |one: Theme| match one {
        Theme::System => "Night or dawn, as your device is set.",
        Theme::Night => "A dark sky with stars.",
        Theme::Dawn => "Light, for bright rooms.",
    };
    html! {
        div #appearance class="grid gap-6" {
            (heading("Appearance", "It is kept in your account and in this browser."))
            form method="post" action="/settings/appearance" hx-post="/settings/appearance" hx-target="#appearance" hx-swap="outerHTML" {
                (csrf_field(ctx))
                ul.card.card-list {
                    @for (one, sign, name) in THEMES {
                        @let here = one == theme;
                        li {
                            span.tile { (icon(sign)) }
                            div class="min-w-0 flex-1" {
                                p class="font-600" { (name) }
                                p class="mt-0.5 text-13 text-t3" { (explained(one)) }
                            }
                            button id={ "look-" (one.as_str()) } .button.small.(if here { "primary" } else { "secondary" }) type="submit" name="theme"
                                value=(one.as_str()) aria-pressed=(if here { "true" } else { "false" }) aria-label={ "Choose " (name) }
                            {
                                @if here { "Chosen" } @else { "Choose" }
                            }
                        }
                    }
                }
            }
        }
    }
}
