-- Remember up to which offset records may have been lost; the newest word counts.
--
-- KEYS 1 where that is · ARGV 1 offset, 2 its milliseconds, 3 its sequence, 4 for how long, ms

local known = redis.call('GET', KEYS[1]) or '0-0'
local ms, sequence = string.match(known, '^(%d+)-(%d+)$')
ms, sequence = tonumber(ms), tonumber(sequence)
local new_ms, new_sequence = tonumber(ARGV[2]), tonumber(ARGV[3])
if new_ms > ms or (new_ms == ms and new_sequence > sequence) then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[4])
end
