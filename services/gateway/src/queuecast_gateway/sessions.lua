-- Write down what became of sessions, many in one step. A session is a hash under the key of its private id.
--
-- KEYS   one for each session
-- ARGV   1 this replica · 2 how long a session may come back after its connection's end, ms
--        3 JSON: for each session a verb, sid, namespace, rooms (a JSON text), offset and subject; the verb is
--        one of
--        "save"  it is connected here and this is its state
--        "left"  its connection has ended, it may come back to any replica
--        "drop"  it may not come back
--
-- The offset of the first save stays: a client that never got one has missed all since then.
-- Another replica may have taken a session over meanwhile: what this one still has to say of it is void.

local me, ttl_ms, sessions = ARGV[1], ARGV[2], cjson.decode(ARGV[3])

for index, key in ipairs(KEYS) do
  local verb, sid, namespace, rooms, offset, subject = unpack(sessions[index])
  local owner = redis.call('HGET', key, 'replica')
  if not owner or owner == '' or owner == me then
    if verb == 'drop' then
      redis.call('DEL', key)
    else
      redis.call('HSET', key, 'replica', verb == 'save' and me or '', 'sid', sid,
                 'namespace', namespace, 'rooms', rooms, 'subject', subject)
      redis.call('HSETNX', key, 'offset', offset)
      redis.call('PEXPIRE', key, ttl_ms)
    end
  end
end
