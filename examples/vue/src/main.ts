// Starts the page: one cache, connected with the hub.
import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { createApp } from 'vue'
import Board from './Board.vue'
import { client, connectQueries } from './hub.ts'

const queryClient = new QueryClient()
connectQueries({ client, queryClient })

createApp(Board).use(VueQueryPlugin, { queryClient }).mount('#app')
