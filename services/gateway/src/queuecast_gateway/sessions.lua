-- Write down what became of sessions, many in one step. A session is a hash under the key of its private id: where
-- it is (replica, "" for nowhere), sid, namespace, subject, the offset at which it began, how often it was claimed,
-- the mark that stands for its rooms, the offset at which those were written down (saved), and for each room `room:` and its name with the offset at which it was joined.
--
-- KEYS   one for each session
-- ARGV   1 this replica · 2 how long a session of a live connection is kept, ms · 3 how long it may come back
--        after the end of that, ms
--        4 JSON, for each session one of
--        ["save", away, mark, [room, offset, …], sid, namespace, offset, subject]  all of it
--        ["more", away, mark, [room, offset, …], mark before, [room, …], offset]  rooms that it has entered, and
--        left, at that offset
--        ["drop"]  it may not come back
--        with `away` 1 once its connection has ended
-- Answer the places, from 1, of those of which all has to be said: Redis does not have what they add to
--
-- The offset of the first save stays: a client that never got one has missed all since then. The one at which its
-- rooms last changed says which commands they contain already.
-- Another replica may have taken a session over meanwhile: what this one still has to say of it is void.

local me, here_ms, away_ms, sessions = ARGV[1], ARGV[2], ARGV[3], cjson.decode(ARGV[4])
local FIELDS = 1000  -- of one command: what Lua can unpack is limited
local again = {}

local function enter(key, rooms)
  for first = 1, #rooms, FIELDS do
    local fields = {}
    for at = first, math.min(first + FIELDS, #rooms + 1) - 1, 2 do
      fields[#fields + 1] = 'room:' .. rooms[at]
      fields[#fields + 1] = rooms[at + 1]
    end
    redis.call('HSET', key, unpack(fields))
  end
end

for index, key in ipairs(KEYS) do
  local verb, away, mark, entered = unpack(sessions[index], 1, 4)
  local found = redis.call('HMGET', key, 'replica', 'mark', 'offset', 'claims')
  local owner = found[1]
  if not owner or owner == '' or owner == me then
    if verb == 'drop' then
      redis.call('DEL', key)
    elseif verb == 'more' and owner == '' then
      -- It has been elsewhere meanwhile, and left.
    elseif verb == 'more' and (not owner or found[2] ~= sessions[index][5]) then
      again[#again + 1] = index
    else
      if verb == 'save' then
        local _, _, _, _, sid, namespace, offset, subject = unpack(sessions[index])
        redis.call('DEL', key)
        redis.call('HSET', key, 'sid', sid, 'namespace', namespace, 'subject', subject,
                   'offset', found[3] or offset, 'claims', found[4] or 0, 'saved', offset)
      else
        if #entered > 0 or #sessions[index][6] > 0 then redis.call('HSET', key, 'saved', sessions[index][7]) end
        for _, room in ipairs(sessions[index][6]) do redis.call('HDEL', key, 'room:' .. room) end
      end
      if verb == 'save' or away == 1 or found[2] ~= mark then
        redis.call('HSET', key, 'replica', away == 1 and '' or me, 'mark', mark)
      end
      enter(key, entered)
      redis.call('PEXPIRE', key, away == 1 and away_ms or here_ms)
    end
  end
end
return again
