-- Announce what has changed in a replica's part of who is there, extend its lease, and return what others announced.
--
-- KEYS   1 the leases: replicas by when they end, ms · 2 the log of announcements · 3 the part of this replica
-- ARGV   1 the replica · 2 the length of its lease, ms · 3 the step up to which its part should be announced; 0
--        removes the part and begins a new one · 4 a name for this step's entries · 5 the number of the entry up to
--        which this replica has read the log, 0 for none, -1 if it does not read · 6 the name of that entry · 7 the
--        most entries to return · 8 what to add to the log, "" for nothing
--        then for each room its key and its part, "" if nobody is in it
-- Answer 1 if the part was as it should be, else 0, and then nothing was stored · 1 if the log has no longer all that
--        follows, else 0 · then the number and the name of the newest entry and the replicas that live if the log has
--        not, or else the entries
--
-- An entry is "number name text". Another series of numbers may begin when Redis loses data: the name tells.

local MOST_ENTRIES = 500
local KEPT_MS = 60000
local leases, record, part = unpack(KEYS)
local replica, lease_ms, step, name, read_to, read_name, most, added = unpack(ARGV, 1, 8)
local now = redis.call('TIME')
local now_ms = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))

local function newest()
  local entry = redis.call('LRANGE', record, -1, -1)[1] or ''
  local number, its_name = string.match(entry, '^(%d+) (%w+) ')
  return tonumber(number or 0), its_name or ''
end

local function add(text)
  redis.call('RPUSH', record, string.format('%.0f %s %s', newest() + 1, name, text))
end

local function has_lease()
  for _, living in ipairs(redis.call('ZRANGE', leases, '(' .. now_ms, '+inf', 'BYSCORE')) do
    if living == replica then return true end
  end
  return false
end

-- First the part: the lease of this replica may be one of those that have ended.
local is_known = step == '0' or (has_lease() and redis.call('HMGET', part, '')[1] == step)
if is_known then
  if step == '0' then redis.call('DEL', part) end
  for at = 9, #ARGV, 2 do
    if ARGV[at + 1] == '' then redis.call('HDEL', part, ARGV[at]) else redis.call('HSET', part, ARGV[at], ARGV[at + 1]) end
  end
  redis.call('HSET', part, '', string.format('%.0f', tonumber(step) + 1))
  redis.call('PEXPIRE', part, lease_ms)
  redis.call('ZADD', leases, string.format('%.0f', now_ms + lease_ms), replica)
  if added ~= '' then add(added) end
end
for _, ended in ipairs(redis.call('ZRANGE', leases, '-inf', now_ms, 'BYSCORE')) do
  redis.call('ZREM', leases, ended)
  add('"' .. ended .. '"')
end
redis.call('LTRIM', record, -MOST_ENTRIES, -1)
redis.call('PEXPIRE', record, KEPT_MS)
redis.call('PEXPIRE', leases, KEPT_MS)

read_to, most = tonumber(read_to), tonumber(most)
if read_to < 0 then return {is_known and 1 or 0, 0} end
local number, its_name = newest()
local back = number - read_to + 1
if read_to > 0 and back > 0 then
  -- If the log is shorter than this, the first of these is another one.
  local entries = redis.call('LRANGE', record, -back, math.min(-back + most, -1))
  local first = table.remove(entries, 1) or ''
  if string.find(first, string.format('%.0f %s ', read_to, read_name), 1, true) == 1 then
    return {is_known and 1 or 0, 0, unpack(entries)}
  end
end
return {is_known and 1 or 0, 1, number, its_name, unpack(redis.call('ZRANGE', leases, 0, -1))}
