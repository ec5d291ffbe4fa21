//! The frames that every page stands in: public pages, one card, errors, and the shell of the application.

// Ready-made markup is handed over, so that a call reads `card(ctx, "Log in", html! { … })`.
#![allow(clippy::needless_pass_by_value)]

use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::components::{eclipse_small, theme_menu};
use super::context::{Ctx, Theme, Viewer};

/// What htmx is told before it starts. 1000 is among the codes to recover from because a page that comes back from
/// the back-forward cache finds its socket closed that way; 4401 and 4403 are not, because waiting does not help.
const HTMX_CONFIG: &str = r#"{"extensions":"ws,upsert","history":false,"noSwap":[204,304,"5xx"],"ws":{"pauseOnBackground":false,"reconnectDelay":500,"reconnectMaxDelay":30000,"reconnectCodes":[1000,1001,1005,1006,1007,1011,1012,1013,1014]}}"#;

/// `--sky` of each theme, for the browser's own bars.
const NIGHT_SKY: &str = "#070a13";
const DAWN_SKY: &str = "#f1eff7";

/// A page for everybody: navigation above, footer below. With a viewer it leads to the chats instead of the log-in.
pub fn public(ctx: &Ctx, viewer: Option<&Viewer>, title: &str, main: Markup) -> Markup {
    let here = |path: &str| (ctx.path == path).then_some("page");
    let body = html! {
        header.site-header {
            (mark())
            nav.site-nav aria-label="Site" {
                a href="/about" aria-current=[here("/about")] { "About" }
                a href="/privacy" aria-current=[here("/privacy")] { "Privacy" }
            }
            div.site-actions {
                (theme_menu(ctx))
                @if viewer.is_some() {
                    a.button.primary href="/chat/" { "Open the chats" }
                } @else {
                    a.button.ghost.log-in href="/accounts/login" { "Log in" }
                    a.button.primary href="/accounts/signup" { "Sign up" }
                }
            }
        }
        main #main tabindex="-1" { (main) }
        (site_footer())
    };
    document(ctx, title, "public", false, &body)
}

/// One card in the middle under the word mark: log-in, sign-up, setup.
pub fn card(ctx: &Ctx, title: &str, card: Markup) -> Markup {
    let body = html! {
        header.card-header { (mark()) }
        main.card.auth-card #main tabindex="-1" { (card) }
        footer.card-footer {
            a href="/privacy" { "Privacy" } span aria-hidden="true" { "·" } a href="/about" { "About" }
        }
    };
    document(ctx, title, "card-page", false, &body)
}

/// A page with nothing but the word mark above it: errors, where it may be unknown who reads.
pub fn bare(ctx: &Ctx, title: &str, main: Markup) -> Markup {
    let body = html! {
        header.site-header { (mark()) }
        main #main tabindex="-1" { (main) }
    };
    document(ctx, title, "public bare", false, &body)
}

/// Inside the application: the side bar on the sky, the sheet beside it. `side_bar` brings its own landmark.
pub fn shell(ctx: &Ctx, title: &str, side_bar: Markup, sheet: Markup) -> Markup {
    let body = html! {
        div.shell {
            (side_bar)
            main.sheet #main tabindex="-1" { (sheet) }
        }
    };
    document(ctx, title, "in-shell", true, &body)
}

/// The word mark, a link to the start.
pub fn mark() -> Markup {
    html! { a.mark href="/" { (eclipse_small()) "UmbraChat" } }
}

fn site_footer() -> Markup {
    html! {
        footer.site-footer {
            div.site-footer-inner {
                p.mark.quiet { (eclipse_small()) "UmbraChat" }
                nav aria-label="Footer" {
                    a href="/about" { "About" }
                    a href="/privacy" { "Privacy" }
                }
            }
        }
    }
}

/// The document around every frame. `personal` adds the style sheet that turns the reader's own messages into bubbles.
fn document(ctx: &Ctx, title: &str, body_class: &str, personal: bool, body: &Markup) -> Markup {
    let headers = serde_json::json!({ "X-CSRF-Token": ctx.csrf_token }).to_string();
    html! {
        (DOCTYPE)
        html lang="en" data-theme=(ctx.theme.as_str()) {
            head {
                meta charset="utf-8";
                title { @if title == "UmbraChat" { "UmbraChat" } @else { (title) " · UmbraChat" } }
                meta name="viewport"
                    content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content";
                (theme_colour(ctx.theme))
                meta name="description" content="A private chat that your group runs on its own server.";
                meta name="htmx-config" content=(HTMX_CONFIG);
                link rel="icon" type="image/svg+xml" href=(assets::url("favicon.svg"));
                link rel="stylesheet" href=(assets::url("app.css"));
                @if personal { link rel="stylesheet" href="/chat/me.css"; }
                script src=(assets::url("app.js")) defer {}
            }
            body class=(body_class) hx-headers:inherited=(headers) {
                a.skip-link href="#main" { "Skip to the content" }
                (body)
            }
        }
    }
}

fn theme_colour(theme: Theme) -> Markup {
    html! {
        @match theme {
            Theme::System => {
                meta name="theme-color" content=(NIGHT_SKY) media="(prefers-color-scheme: dark)";
                meta name="theme-color" content=(DAWN_SKY) media="(prefers-color-scheme: light)";
            }
            Theme::Night => meta name="theme-color" content=(NIGHT_SKY);,
            Theme::Dawn => meta name="theme-color" content=(DAWN_SKY);,
        }
    }
}
