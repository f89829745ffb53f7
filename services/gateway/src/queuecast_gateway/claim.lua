-- Take a session over: from now on it is this replica's.
--
-- KEYS   1 the session · 2 tail (the offset of the newest record) · 3 the newest offset that may be lost
-- ARGV   1 this replica · 2 how long a session of a live connection is kept, ms · 3 the namespace it is in
--        4 whose it is
-- Answer sid, offset at its first connect, replica that had it, tail, lost up to, the how manieth claim this is,
--        the offset at which its rooms were written down, then each of its rooms and the offset at which it was joined; nothing if there is no such session of that
--        subject there

local key = KEYS[1]
local sid, namespace, subject, offset, owner, saved =
  unpack(redis.call('HMGET', key, 'sid', 'namespace', 'subject', 'offset', 'replica', 'saved'))
if namespace ~= ARGV[3] or (subject or '') ~= ARGV[4] then return false end
redis.call('HSET', key, 'replica', ARGV[1])
redis.call('PEXPIRE', key, ARGV[2])
local found = {sid, offset, owner, redis.call('GET', KEYS[2]) or '0-0', redis.call('GET', KEYS[3]) or '0-0',
               redis.call('HINCRBY', key, 'claims', 1), saved or offset}
local fields = redis.call('HGETALL', key)
for at = 1, #fields, 2 do
  if string.sub(fields[at], 1, 5) == 'room:' then
    found[#found + 1] = string.sub(fields[at], 6)
    found[#found + 1] = fields[at + 1]
  end
end
return found
