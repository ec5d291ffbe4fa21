// The script of the pages outside the application: landing, log-in, sign-up, setup, errors. They work without it, and
// need neither htmx nor Alpine.

import * as forms from "./forms.js";
import * as menus from "./menus.js";
import * as password from "./password.js";

for (const part of [forms, menus, password]) part.start();
