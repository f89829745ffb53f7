// The token that a gateway may ask for. It comes in the fragment of the page's address (`#token=…`), which a browser
// sends to no server and names in no Referer. From there it goes into this page's memory, and nowhere else.

let token = null;

/** Take the token out of the address; returns whether there was one, if only an empty one. */
export function takeToken() {
  const fields = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B"));  // a plus is no space here
  if (!fields.has("token")) return false;
  token = fields.get("token") || null;
  history.replaceState(history.state, "", location.href.split("#", 1)[0]);
  return true;
}

export const hasToken = () => token !== null;

/** Give the Socket.IO client what its CONNECT packets carry: without a token, nothing. */
export const giveToken = (give) => give(hasToken() ? { token } : undefined);
