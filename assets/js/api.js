// The page about what programs use: a form of its operations sends what it says with the token that was pasted, and shows
// the answer. Without this script the forms are hidden, and #needs-script says why. What is
// pasted is kept nowhere.
//
// Markup: input#token; form[data-method data-path hidden] with [data-in=path|query] fields, textarea[name=body] in some,
// output for the status, pre[hidden] for the rest.

const SHOWN = ["content-type", "link", "location", "ratelimit", "retry-after", "etag"];

function address(form) {
  let path = form.dataset.path;
  const query = new URLSearchParams();
  for (const { name, value, dataset } of form.querySelectorAll("[data-in]")) {
    if (dataset.in === "path") path = path.replace(`{${name}}`, encodeURIComponent(value));
    else if (value) query.append(name, value);
  }
  return query.size > 0 ? `${path}?${query}` : path;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

async function ask(form) {
  const token = document.querySelector("#token").value.trim();
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const body = form.querySelector("[name=body]")?.value;
  if (body) headers["Content-Type"] = "application/json";
  // No cookie goes with it: the answer is what a program would get.
  const options = { method: form.dataset.method.toUpperCase(), headers, body, credentials: "omit" };
  const response = await fetch(address(form), options);
  const shown = SHOWN.filter((name) => response.headers.has(name)).map((name) => `${name}: ${response.headers.get(name)}`);
  return { status: `${response.status} ${response.statusText}`, text: `${shown.join("\n")}\n\n${pretty(await response.text())}` };
}

async function onSubmit(event) {
  const form = event.target.closest("form[data-path]");
  if (!form) return;
  event.preventDefault();
  const [button, output, pre] = ["button", "output", "pre"].map((name) => form.querySelector(name));
  button.disabled = true;
  try {
    const { status, text } = await ask(form);
    output.textContent = status;
    pre.textContent = text.trim();
    pre.hidden = false;
  } catch {
    output.textContent = "The server does not answer.";
    pre.hidden = true;
  }
  button.disabled = false;
}

for (const part of document.querySelectorAll("form[data-path], #token-field")) part.hidden = false;
document.querySelector("#needs-script").hidden = true;
document.addEventListener("submit", onSubmit);
