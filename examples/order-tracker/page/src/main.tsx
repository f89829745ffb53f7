import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { fetchMe, signIn, type Me } from "./api";
import { Orders } from "./Orders";

function Shop() {
  const [me, setMe] = useState<Me>();
  const [name, setName] = useState("");
  const enter = () => fetchMe().then(setMe, () => {});
  useEffect(() => void enter(), []);

  return (
    <>
      <h1>Order tracker</h1>
      {me ? <Orders me={me} /> : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            signIn(name).then(enter);
          }}
        >
          <input aria-label="Your name" required pattern="[a-z]{1,20}" placeholder="ann, or staff" value={name} onChange={(event) => setName(event.target.value)} />
          <button>Sign in</button>
        </form>
      )}
    </>
  );
}

createRoot(document.getElementById("root")!).render(<StrictMode><Shop /></StrictMode>);
