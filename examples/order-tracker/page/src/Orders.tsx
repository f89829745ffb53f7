import { useCallback, useEffect, useState } from "react";
import { followRoom } from "queuecast-room";
import { connect, fetchOrders, moveOn, place, type Gateway, type Me, type Order } from "./api";
import { merged } from "./merged";

/** The orders of a customer, or all of them for staff. */
export function Orders({ me }: { me: Me }) {
  const [orders, setOrders] = useState<Order[]>([]);
  const [state, setState] = useState("connecting …");
  const [socket, setSocket] = useState<Gateway>();
  const change = useCallback((...changed: Order[]) => setOrders((known) => merged(known, ...changed)), []);

  useEffect(() => {
    const made = connect(me.gateway);
    const show = (order: Order) => change(order);
    made.on("connect", async () => {
      setState(made.recovered ? "connected, and nothing was missed" : "connected");
      if (!made.recovered) change(...(await fetchOrders()));
    });
    made.on("disconnect", () => setState("disconnected, coming back …"));
    made.on("connect_error", (error) => setState(`not connected: ${error.message}`));
    made.on("order_placed", show); // in the room user:NAME, in which every session of a user is
    const leave = me.staff ? followRoom(made, "staff", { order: show, order_placed: show }) : () => {};
    setSocket(made);
    return () => {
      leave();
      made.disconnect();
    };
  }, [me, change]);

  return (
    <>
      <p>{me.name}: <span role="status">{state}</span></p>
      {!me.staff && <Place />}
      <ul aria-live="polite">
        {orders.map((order) => (
          <li key={order.number} id={`order-${order.number}`}>
            <strong>{order.item}</strong>
            {me.staff && <span>{order.customer}</span>}
            <output>{order.state}</output>
            {me.staff && <button onClick={() => moveOn(order.number)}>Next</button>}
            {!me.staff && socket && <Followed socket={socket} room={order.room} onChange={change} />}
          </li>
        ))}
      </ul>
    </>
  );
}

/** Follows the room of one order for as long as it is on the page. */
function Followed({ socket, room, onChange }: { socket: Gateway; room: string; onChange: (order: Order) => void }) {
  useEffect(() => followRoom(socket, room, { order: onChange }, { last: 1 }), [socket, room, onChange]);
  return null;
}

function Place() {
  const [item, setItem] = useState("");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        place(item).then(() => setItem(""));
      }}
    >
      <input aria-label="Item" required maxLength={60} value={item} onChange={(event) => setItem(event.target.value)} />
      <button>Order</button>
    </form>
  );
}
