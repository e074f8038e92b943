// What a tab needs once there are others, in one piece: loaded with the first word of one of them.
export { createFollower } from './follower.ts'
export { createLeader } from './leader.ts'
