-- Store up to which offset records may have been lost; the newest offset wins.
--
-- KEYS 1 where it is stored · ARGV 1 offset, 2 its milliseconds, 3 its sequence number, 4 how long it is kept, ms

local known = redis.call('GET', KEYS[1]) or '0-0'
local ms, sequence = string.match(known, '^(%d+)-(%d+)$')
ms, sequence = tonumber(ms), tonumber(sequence)
local new_ms, new_sequence = tonumber(ARGV[2]), tonumber(ARGV[3])
if new_ms > ms or (new_ms == ms and new_sequence > sequence) then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[4])
end
