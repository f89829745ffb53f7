-- Save sessions, many in one step. A session is a hash under the key of its private id. Its fields: replica (the
-- owner, "" if it has none), sid, namespace, subject, offset (where the session began), claims (how often it was
-- claimed), mark (the fingerprint of its rooms), saved (the offset at which the rooms were saved), sent_away (only if
-- its replica closed its connection), and `room:` with the name of each room, whose value is the offset at which it
-- was joined.
--
-- KEYS   one for each session
-- ARGV   1 this replica · 2 how long the session of a live connection is kept, ms · 3 how long it is kept after
--        that connection has ended, ms
--        4 JSON, for each session one of
--        ["save", away, mark, [room, offset, …], sid, namespace, offset, subject]  all of it
--        ["more", away, mark, [room, offset, …], mark before, [room, …], offset]  the rooms that it has entered and
--        left, at that offset
--        ["drop"]  it can no longer be recovered
--        with `away` 1 once its connection has ended, and 2 if its replica closed it
-- Returns the indexes, from 1, of the sessions that have to be saved whole: Redis lacks the state that they change
--
-- The offset of the first save stays: a client that never received one has missed everything since then. `saved`
-- tells which commands the rooms already include.
-- Another replica may have claimed a session meanwhile: then changes from this one are ignored.

local me, here_ms, away_ms, sessions = ARGV[1], ARGV[2], ARGV[3], cjson.decode(ARGV[4])
local FIELDS = 1000  -- in one command: Lua can unpack only so many values
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
      -- It was connected to another replica meanwhile, and has left that too.
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
      if verb == 'save' or away > 0 or found[2] ~= mark then
        redis.call('HSET', key, 'replica', away > 0 and '' or me, 'mark', mark)
      end
      if away == 2 then redis.call('HSET', key, 'sent_away', 1) end
      enter(key, entered)
      redis.call('PEXPIRE', key, away > 0 and away_ms or here_ms)
    end
  end
end
return again
