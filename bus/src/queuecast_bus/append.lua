-- Append records to the stream in one atomic step, each at most once.
--
-- KEYS   1 stream · 2 tail (the offset of the newest record) · 3… one dedup key per record; a record without a
--        dedup id has the tail's key in its place
-- ARGV   1 longest stream, records · 2 oldest record, ms · 3 dedup window, ms
--        then for each record: the number of its fields and values, and these
-- Answer offset, 1 if it was there already (else 0), for each record in turn
--
-- Every record links to the one before it (field "p"), so that a reader knows that it missed nothing, on any
-- server version and after any trim, restart or failover.

local stream, tail = KEYS[1], KEYS[2]
local max_length, max_age_ms, window_ms = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local before = redis.call('GET', tail) or '0-0'
local newest, cursor, answer = before, 4, {}

for index = 3, #KEYS do
  local seen = KEYS[index]
  local length = tonumber(ARGV[cursor])
  local known = seen ~= tail and redis.call('GET', seen)
  if known then
    -- Who still asks may ask again: as long as a message comes back, its id is remembered.
    redis.call('PEXPIRE', seen, window_ms)
    answer[#answer + 1] = known
    answer[#answer + 1] = 1
  else
    newest = redis.call('XADD', stream, 'MAXLEN', '~', max_length, '*', 'p', newest,
                        unpack(ARGV, cursor + 1, cursor + length))
    if seen ~= tail then
      redis.call('SET', seen, newest, 'PX', window_ms)
    end
    answer[#answer + 1] = newest
    answer[#answer + 1] = 0
  end
  cursor = cursor + 1 + length
end

if newest ~= before then
  redis.call('SET', tail, newest)
  local oldest_ms = tonumber(string.match(newest, '^%d+')) - max_age_ms
  redis.call('XTRIM', stream, 'MINID', '~', string.format('%.0f-0', math.max(oldest_ms, 0)))
end
return answer
