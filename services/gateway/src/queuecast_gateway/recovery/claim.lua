-- Claim a session: from now on this replica owns it.
--
-- KEYS   1 the session · 2 tail (the offset of the newest record) · 3 the newest offset that may be lost
-- ARGV   1 this replica · 2 how long the session of a live connection is kept, ms · 3 its namespace
--        4 its subject
-- Returns the number of this claim, whether its replica had closed its connection, sid, the offset at its first
--        connect, the replica that owned it, tail, lost up to, the offset at which its rooms were saved, then each
--        of its rooms followed by the offset at which it was joined; nothing if this subject has no such session
--        in this namespace

local key = KEYS[1]
local sid, namespace, subject, offset, owner, saved =
  unpack(redis.call('HMGET', key, 'sid', 'namespace', 'subject', 'offset', 'replica', 'saved'))
if namespace ~= ARGV[3] or (subject or '') ~= ARGV[4] then return false end
redis.call('HSET', key, 'replica', ARGV[1])
redis.call('PEXPIRE', key, ARGV[2])
local found = {redis.call('HINCRBY', key, 'claims', 1), redis.call('HDEL', key, 'sent_away'), sid, offset, owner,
               redis.call('GET', KEYS[2]) or '0-0', redis.call('GET', KEYS[3]) or '0-0', saved or offset}
local fields = redis.call('HGETALL', key)
for at = 1, #fields, 2 do
  if string.sub(fields[at], 1, 5) == 'room:' then
    found[#found + 1] = string.sub(fields[at], 6)
    found[#found + 1] = fields[at + 1]
  end
end
return found
